# kubeadm-phase: any call of kubeadm, such as one of its phases, after the same putting back as in kubeadm-node. Refuses (status 65) on a
# control plane without kube-apiserver.yaml, because kubeadm would take it for a worker. With `etcd` it first moves etcd's leadership to another
# member, as well as that can be done. Args: $1 pre-image (tar) or `-` for none, $2 control-plane|etcd|worker, $3 what kubeadm's configuration
# file says (may be empty), further: kubeadm's arguments
# The etcdctl of etcd's own container, through its process: the certificates are mounted there, and the network is the node's.
etcdctl_in() {
    process=$1
    shift
    timeout 20 chroot "/proc/$process/root" etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt \
        --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key "$@" 2>/dev/null
}

etcd_process() {
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = etcd ]; then echo "${process##*/}"; return 0; fi
    done
}

field() { sed -n "s/^\"$1\" : *//p" | head -n 1; }

# A member that leads and stops costs the cluster an election of a second or more; one that has handed over costs it nothing. It is not worth
# failing for.
move_leadership() {
    process=$(etcd_process)
    if [ -z "$process" ]; then echo 'kup: no etcd runs here, so it leads nothing'; return 0; fi
    name=$(sed -n 's/^ *- --name=//p' /etc/kubernetes/manifests/etcd.yaml | head -n 1)
    status=$(etcdctl_in "$process" endpoint status -w fields) || status=
    me=$(printf '%s\n' "$status" | field MemberID)
    if [ -z "$me" ] || [ "$me" != "$(printf '%s\n' "$status" | field Leader)" ]; then
        echo 'kup: this etcd member does not lead, or does not say so'
        return 0
    fi
    other=$(etcdctl_in "$process" member list -w simple |
        awk -F ', ' -v name="$name" '$2 == "started" && $3 != name && $6 != "true" { print $1; exit }') || other=
    if [ -z "$other" ]; then echo 'kup: this etcd member leads, and there is no other'; return 0; fi
    if etcdctl_in "$process" move-leader "$other" >/dev/null; then
        echo "kup: moved the leadership of etcd to member $other"
    else
        echo "kup: could not move the leadership of etcd to member $other; going on"
    fi
}

pre_image=$1 care=$2 config=$3
shift 3
kubeconfig=/etc/kubernetes/admin.conf
case $care in
    control-plane | etcd) ;;
    worker) kubeconfig=/etc/kubernetes/kubelet.conf ;;
    *) echo "kup: '$care' is neither control-plane, nor etcd, nor worker" >&2; exit 64 ;;
esac
wait_for_kubeadm
if [ "$pre_image" != - ]; then
    unpack "$pre_image"
    put_back_manifests
    put_back_kubelet_files
    put_back_pairs
fi
if [ "$care" != worker ] && [ ! -s /etc/kubernetes/manifests/kube-apiserver.yaml ]; then
    echo 'kup: this control plane has no kube-apiserver.yaml, so kubeadm would take it for a worker; nothing was called' >&2
    exit 65
fi
wait_for_api "$kubeconfig"
clean
room=
if [ "$care" = etcd ]; then move_leadership; fi
status=0
if [ -n "$config" ]; then
    # With a file kubeadm takes no -y, so its question is answered.
    room=$(mktemp -d /var/lib/kup/work.XXXXXX)
    printf '%s\n' "$config" >"$room/upgrade.yaml"
    printf 'y\n' >"$room/answer"
    (umask 022; exec kubeadm "$@" --config "$room/upgrade.yaml" <"$room/answer") || status=$?
else
    (umask 022; exec kubeadm "$@") || status=$?
fi
exit "$status"
