# kubeadm-tmp-remove: removes folders that `kubeadm upgrade` has left in /etc/kubernetes/tmp, by name. The second part of a script, see
# script.rs. Refuses while a kubeadm is at work, while a run of kup owns the node, and where a folder has the only copy of a manifest:
# an upgrade that was interrupted between kubeadm's two renames needs that. Args: names
# Prints one `key=value` a line:
#   removed:<name>=<KiB>     (each that was there)
tmp=/etc/kubernetes/tmp
refuse() { echo "kup: $2" >&2; exit "$1"; }
if kubeadm_runs; then refuse 75 "a kubeadm is at work"; fi
if [ -s /var/lib/kup/owner ]; then refuse 75 "a run owns this node: $(head -n 1 /var/lib/kup/owner)"; fi
if [ -L "$tmp" ]; then refuse 65 "$tmp is a symbolic link"; fi
for name; do
    case $name in
        */* | *[[:cntrl:]]*) refuse 64 "'$name' is not a name" ;;
        kubeadm-backup-etcd* | kubeadm-backup-manifests* | kubeadm-upgraded-manifests*) ;;
        kubeadm-upgrade-dryrun* | kubeadm-kubelet-config*) ;;
        *) refuse 64 "'$name' is not a folder of kubeadm's" ;;
    esac
    if [ -L "$tmp/$name" ]; then refuse 65 "$tmp/$name is a symbolic link"; fi
    case $name in kubeadm-backup-manifests*) ;; *) continue ;; esac
    for copy in "$tmp/$name"/*.yaml; do
        [ -e "$copy" ] || continue
        [ -e "/etc/kubernetes/manifests/${copy##*/}" ] ||
            refuse 75 "there is no /etc/kubernetes/manifests/${copy##*/}, and $copy may be its only copy"
    done
done
for name; do
    [ -d "$tmp/$name" ] || continue
    kib=$(du -sk "$tmp/$name" | cut -f 1)
    rm -rf "${tmp:?}/$name"
    printf 'removed:%s=%s\n' "$name" "$kib"
done
