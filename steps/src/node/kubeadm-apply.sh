# kubeadm-apply: `kubeadm upgrade apply VERSION -y`, after putting back what an interrupted one took away: a manifest missing between
# kubeadm's two renames (dotfile, sync, rename, sync of the folder) and a key pair that does not match, both from the pre-image.
# Waits up to 120 s for the API server before kubeadm is called. Args: $1 pre-image (tar), $2 version (v1.20.2), further: flags for kubeadm
pre_image=$1 version=$2
shift 2
wait_for_kubeadm
unpack "$pre_image"
put_back_manifests
put_back_kubelet_files
put_back_pairs
wait_for_api /etc/kubernetes/admin.conf
clean
room=
umask 022
status=0
kubeadm upgrade apply "$version" -y "$@" || status=$?
exit "$status"
