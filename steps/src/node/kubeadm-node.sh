# kubeadm-node: the same for `kubeadm upgrade node`. Refuses (status 65) on a control plane without kube-apiserver.yaml after putting back,
# because kubeadm would take it for a worker. Args: $1 pre-image (tar), $2 control-plane|worker, further: flags for kubeadm
