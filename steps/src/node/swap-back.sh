# swap-back: puts static pods back as a pre-image has them, one component at a time, in the order given: the manifest in one rename, then a wait
# until the node's own runtime runs a new container of it. Before them goes what an interrupted kubeadm has broken: pairs of key and certificate.
# After them go plain files. Without crictl the processes tell. Args: $1 pre-image (tar), components..., `--`, absolute paths...
# Ends with 70 where a component does not come up: the later ones are not touched then.
patience=300
pre_image=$1
shift
wait_for_kubeadm
unpack "$pre_image"
for word; do
    case $word in
        --) break ;;
        etcd | kube-apiserver | kube-controller-manager | kube-scheduler) ;;
        *) echo "kup: '$word' is not a static pod of kubeadm" >&2; exit 64 ;;
    esac
done

swap() {
    manifest=/etc/kubernetes/manifests/$1.yaml
    if [ ! -e "$room$manifest" ]; then
        if [ ! -e "$manifest" ]; then return 0; fi
        rm -f "$manifest"
        sync "$(dirname "$manifest")"
        echo "removed $manifest"
        return 0
    fi
    if cmp -s "$room$manifest" "$manifest"; then return 0; fi
    before=$(running "$1")
    put_back "$manifest"
    if wait_for_new "$1" "$before" "$patience"; then
        echo "$1 runs anew"
    else
        echo "kup: $1 did not come up within $patience seconds of its manifest" >&2
        exit 70
    fi
}

put_back_pairs
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
    swap "$1"
    shift
done
[ "$#" -gt 0 ] || exit 0
shift
for path; do
    case $path/ in
        */../* | */./* | *//*//* | /) echo "kup: '$path' is not a plain path" >&2; exit 64 ;;
        /*) ;;
        *) echo "kup: '$path' is not an absolute path" >&2; exit 64 ;;
    esac
    if [ -e "$room$path" ]; then
        if ! cmp -s "$room$path" "$path"; then put_back "$path"; fi
    elif [ -e "$path" ]; then
        rm -f "$path"
        sync "$(dirname "$path")"
        echo "removed $path"
    fi
done
