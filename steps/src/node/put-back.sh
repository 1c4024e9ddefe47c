# put-back: puts manifests back that an interrupted `kubeadm upgrade` has moved away and not replaced: each the newest copy below
# /etc/kubernetes/tmp/kubeadm-backup-manifests-*, in one rename. One that is there already is left alone. Args: components...
for component; do
    case $component in
        etcd | kube-apiserver | kube-controller-manager | kube-scheduler) ;;
        *) echo "kup: '$component' is not a static pod of kubeadm" >&2; exit 64 ;;
    esac
done

# The names carry the time to the second, so the last one in order is the newest.
newest_copy() {
    found=
    for copy in /etc/kubernetes/tmp/kubeadm-backup-manifests-*/"$1".yaml; do
        if [ -s "$copy" ] && grep -q '^ *image: ' "$copy"; then found=$copy; fi
    done
    printf '%s\n' "$found"
}

if kubeadm_runs; then
    echo 'kup: a kubeadm is still running on this node; nothing was changed' >&2
    exit 75
fi
for component; do
    manifest=/etc/kubernetes/manifests/$component.yaml
    if [ -s "$manifest" ]; then continue; fi
    copy=$(newest_copy "$component")
    [ -n "$copy" ] || { echo "kup: there is no copy of $component.yaml below /etc/kubernetes/tmp" >&2; exit 65; }
    place "$copy" "$manifest"
    echo "put $manifest back from $copy"
done
