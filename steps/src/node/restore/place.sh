# Where a restore of etcd keeps what it needs on a control plane. A part of scripts, see script.rs. Its first argument is the run.
run=$1
shift
case $run in
    '' | .* | -* | */* | *[[:cntrl:]]*) echo "kup: '$run' is not the name of a run" >&2; exit 64 ;;
esac
home=/var/lib/kup/restore/$run
live=/etc/kubernetes/manifests

known_component() {
    case $1 in
        etcd | kube-apiserver | kube-controller-manager | kube-scheduler) ;;
        *) echo "kup: '$1' is not a static pod of kubeadm" >&2; exit 64 ;;
    esac
}

# Writes what is said on stdin into a file of $home, whole or not at all.
note() {
    cat >"$home/.$1"
    sync "$home/.$1"
    mv -f "$home/.$1" "$home/$1"
    sync "$home"
}

noted() { cat "$home/$1" 2>/dev/null || true; }
