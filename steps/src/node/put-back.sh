# put-back: puts manifests back that an interrupted `kubeadm upgrade` has moved away and not replaced: each the newest copy below
# /etc/kubernetes/tmp/kubeadm-backup-manifests-*, in one rename. One that is there already is left alone. Args: components...
for component; do
    case $component in
        etcd | kube-apiserver | kube-controller-manager | kube-scheduler) ;;
        *) echo "kup: '$component' is not a static pod of kubeadm" >&2; exit 64 ;;
    esac
done

# The names carry the time to the second, so the last one in order is the newest. kubeadm replaces etcd first: a copy of it that is older than the
# API server's manifest is of an earlier upgrade, and may be an etcd that must not read the data of today.
newest_copy() {
    found=
    since=
    if [ "$1" = etcd ]; then since=$(date -r /etc/kubernetes/manifests/kube-apiserver.yaml +%Y-%m-%d-%H-%M-%S 2>/dev/null || true); fi
    for copy in /etc/kubernetes/tmp/kubeadm-backup-manifests-*/"$1".yaml; do
        stamp=${copy%/*}
        stamp=${stamp##*kubeadm-backup-manifests-}
        if [ -n "$since" ] && [ "$(printf '%s\n' "$stamp" "$since" | sort | tail -n 1)" != "$stamp" ]; then continue; fi
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
    [ -n "$copy" ] || { echo "kup: there is no copy of $component.yaml below /etc/kubernetes/tmp that is of this upgrade" >&2; exit 65; }
    place "$copy" "$manifest"
    echo "put $manifest back from $copy"
done
