# put-back: puts manifests back that an interrupted `kubeadm upgrade` has moved away and not replaced: each the newest copy below
# /etc/kubernetes/tmp/kubeadm-backup-manifests-*, in one rename. One that is there already is left alone. Args: components...
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
for component; do
    case $component in
        etcd | kube-apiserver | kube-controller-manager | kube-scheduler) ;;
        *) echo "kup: '$component' is not a static pod of kubeadm" >&2; exit 64 ;;
    esac
done

kubeadm_runs() {
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = kubeadm ]; then return 0; fi
    done
    return 1
}

# The names carry the time to the second, so the last one in order is the newest.
newest_copy() {
    found=
    for copy in /etc/kubernetes/tmp/kubeadm-backup-manifests-*/"$1".yaml; do
        if [ -s "$copy" ] && grep -q '^ *image: ' "$copy"; then found=$copy; fi
    done
    printf '%s\n' "$found"
}

# The kubelet does not read names that begin with a dot, and sees the rename as one new file.
put_back() {
    folder=/etc/kubernetes/manifests
    temporary=$folder/.kup.$1.yaml
    cp -p "$2" "$temporary"
    sync "$temporary"
    mv -f "$temporary" "$folder/$1.yaml"
    sync "$folder"
    echo "put $folder/$1.yaml back from $2"
}

if kubeadm_runs; then
    echo 'kup: a kubeadm is still running on this node; nothing was changed' >&2
    exit 75
fi
for component; do
    if [ -s "/etc/kubernetes/manifests/$component.yaml" ]; then continue; fi
    copy=$(newest_copy "$component")
    [ -n "$copy" ] || { echo "kup: there is no copy of $component.yaml below /etc/kubernetes/tmp" >&2; exit 65; }
    put_back "$component" "$copy"
done
