# kubeadm-node: the same for `kubeadm upgrade node`. Refuses (status 65) on a control plane without kube-apiserver.yaml after putting back,
# because kubeadm would take it for a worker. Args: $1 pre-image (tar), $2 control-plane|worker, further: flags for kubeadm
pre_image=$1 role=$2
shift 2
kubeconfig=/etc/kubernetes/admin.conf
case $role in
    control-plane) ;;
    worker) kubeconfig=/etc/kubernetes/kubelet.conf ;;
    *) echo "kup: '$role' is neither control-plane nor worker" >&2; exit 64 ;;
esac
wait_for_kubeadm
unpack "$pre_image"
put_back_manifests
put_back_kubelet_files
put_back_pairs
if [ "$role" = control-plane ] && [ ! -s /etc/kubernetes/manifests/kube-apiserver.yaml ]; then
    echo 'kup: this control plane has no kube-apiserver.yaml, so kubeadm would take it for a worker; nothing was called' >&2
    exit 65
fi
wait_for_api "$kubeconfig"
clean
room=
umask 022
status=0
kubeadm upgrade node "$@" || status=$?
exit "$status"
