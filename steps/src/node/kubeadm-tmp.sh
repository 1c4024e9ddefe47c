# kubeadm-tmp: the folders that `kubeadm upgrade` has left in /etc/kubernetes/tmp and never removes. The second part of a script, see
# script.rs. Changes nothing.
# Prints one `key=value` a line:
#   folder:<name>=<KiB> <when it was changed last, in seconds since 1970>
tmp=/etc/kubernetes/tmp
for folder in "$tmp"/kubeadm-backup-etcd* "$tmp"/kubeadm-backup-manifests* "$tmp"/kubeadm-upgraded-manifests* \
    "$tmp"/kubeadm-upgrade-dryrun* "$tmp"/kubeadm-kubelet-config*; do
    if [ -L "$folder" ] || [ ! -d "$folder" ]; then continue; fi
    case $folder in *[[:cntrl:]]*) continue ;; esac
    printf 'folder:%s=%s %s\n' "${folder##*/}" "$(du -sk "$folder" | cut -f 1)" "$(stat -c %Y "$folder")"
done
