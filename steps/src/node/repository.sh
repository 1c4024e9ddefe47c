# repository: switches the node's Kubernetes repository to a minor and refreshes the package lists.
# Only the v1.NN segment of the URLs in the files that name one is changed, each file in one rename. Args: $1 minor (v1.20)
