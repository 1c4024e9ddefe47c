# upgrade-plan: prints what `kubeadm upgrade plan VERSION` says, and ends with its status. Changes nothing that lasts.
# Args: $1 version (v1.20.2), further: flags for kubeadm
