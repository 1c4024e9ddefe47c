# control-plane: the static pods and key pairs of this node as they are on the disk. Changes nothing.
# Prints one `key=value` a line, for c in etcd kube-apiserver kube-controller-manager kube-scheduler:
#   manifest:<c>=<sha256 of /etc/kubernetes/manifests/<c>.yaml, empty when missing>
#   image:<c>=<the container's image in it, empty when missing>
#   stray=<other names in the folder that the kubelet would read, comma separated>
#   pair:<path without .crt/.key>=ok|mismatch|unknown   for each certificate with a key below /etc/kubernetes/pki and each kubeconfig with embedded
#                                                       data below /etc/kubernetes (unknown: no openssl, or unreadable)
#   kubeadm_running=yes|no
