# kubeadm-phase: any call of kubeadm, such as one of its phases, after the same putting back as in kubeadm-node. Refuses (status 65) on a
# control plane without kube-apiserver.yaml, because kubeadm would take it for a worker. With `etcd` it first moves etcd's leadership to another
# member, as well as that can be done. Args: $1 pre-image (tar) or `-` for none, $2 control-plane|etcd|worker, $3 what kubeadm's configuration
# file says (may be empty), further: kubeadm's arguments
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# --- key pairs (the same text in control-plane, kubeadm-apply, kubeadm-node and kubeadm-phase)
embedded() { sed -n "s/^ *$2: *//p" "$1" | head -n 1 | tr -d '"' | base64 -d 2>/dev/null; }

public_of_certificate() {
    case $1 in
        *.conf) embedded "$1" client-certificate-data | openssl x509 -noout -pubkey 2>/dev/null ;;
        *) openssl x509 -noout -pubkey -in "$1.crt" 2>/dev/null ;;
    esac
}

public_of_key() {
    case $1 in
        *.conf) embedded "$1" client-key-data | openssl pkey -pubout 2>/dev/null ;;
        *) openssl pkey -pubout -in "$1.key" 2>/dev/null ;;
    esac
}

# Prints ok, mismatch or unknown for a kubeconfig, or for a path to which .crt and .key belong.
pair_state() {
    command -v openssl >/dev/null 2>&1 || { echo unknown; return 0; }
    certificate=$(public_of_certificate "$1") || certificate=
    key=$(public_of_key "$1") || key=
    if [ -z "$certificate" ] || [ -z "$key" ]; then
        echo unknown
    elif [ "$certificate" = "$key" ]; then
        echo ok
    else
        echo mismatch
    fi
}

# Prints the pairs below a folder that is /etc/kubernetes or a copy of it.
pairs() {
    find "$1/pki" -type f -name '*.crt' 2>/dev/null | sort | while IFS= read -r certificate_file; do
        if [ -e "${certificate_file%.crt}.key" ]; then printf '%s\n' "${certificate_file%.crt}"; fi
    done
    for kubeconfig in "$1"/*.conf; do
        if grep -q '^ *client-key-data:' "$kubeconfig" 2>/dev/null; then printf '%s\n' "$kubeconfig"; fi
    done
}
# ---

# --- putting back (the same text in kubeadm-apply, kubeadm-node and kubeadm-phase)
umask 077
room=
clean() { if [ -n "$room" ]; then rm -rf "$room"; fi; }
trap clean EXIT
trap 'exit 1' HUP INT TERM

unpack() {
    [ -r "$1" ] || { echo "kup: there is no pre-image at $1" >&2; exit 64; }
    room=$(mktemp -d /var/lib/kup/work.XXXXXX)
    tar -xpf "$1" -C "$room"
}

# Puts a file back as the pre-image has it. The kubelet does not read names that begin with a dot.
put_back() {
    target=$1
    mkdir -p "$(dirname "$target")"
    temporary=$(dirname "$target")/.kup.$(basename "$target")
    cp -p "$room$target" "$temporary"
    sync "$temporary"
    mv -f "$temporary" "$target"
    sync "$(dirname "$target")"
    echo "put back $target"
}

put_back_manifests() {
    for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
        manifest=/etc/kubernetes/manifests/$component.yaml
        if [ ! -s "$manifest" ] && [ -s "$room$manifest" ]; then put_back "$manifest"; fi
    done
}

# kubeadm writes these by truncating them first: a reboot in between leaves an empty one, with which no kubelet starts.
put_back_kubelet_files() {
    for file in /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env; do
        if [ ! -s "$file" ] && [ -s "$room$file" ]; then put_back "$file"; fi
    done
}

# Only what is broken goes back, and only from a pair that is whole. The key goes first: until the certificate follows, the
# pair is as broken as before, and another attempt finds it.
put_back_pairs() {
    command -v openssl >/dev/null 2>&1 || return 0
    pairs "$room/etc/kubernetes" >"$room/pairs"
    while IFS= read -r copy; do
        pair=${copy#"$room"}
        if [ "$(pair_state "$copy")" != ok ] || [ "$(pair_state "$pair")" = ok ]; then continue; fi
        case $pair in
            *.conf) put_back "$pair" ;;
            *) put_back "$pair.key"; put_back "$pair.crt" ;;
        esac
    done <"$room/pairs"
}

kubeadm_runs() {
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = kubeadm ]; then return 0; fi
    done
    return 1
}

# A kubeadm that somebody else, or an attempt that was cut, has started.
wait_for_kubeadm() {
    waited=0
    while kubeadm_runs; do
        if [ "$waited" -ge 60 ]; then
            echo 'kup: another kubeadm is still running on this node; nothing was changed' >&2
            exit 75
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

wait_for_api() {
    kubeconfig=$1
    if [ ! -r "$kubeconfig" ] || ! command -v kubectl >/dev/null 2>&1; then return 0; fi
    end=$(($(date +%s) + 120))
    until says=$(kubectl --kubeconfig "$kubeconfig" --request-timeout=5s get --raw /readyz 2>&1); do
        if [ "$(date +%s)" -ge "$end" ]; then
            printf 'kup: the API server is not ready: %s\n' "$says" | head -n 5 >&2
            exit 69
        fi
        sleep 1
    done
}
# ---

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
