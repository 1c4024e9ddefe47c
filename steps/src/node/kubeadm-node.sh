# kubeadm-node: the same for `kubeadm upgrade node`. Refuses (status 65) on a control plane without kube-apiserver.yaml after putting back,
# because kubeadm would take it for a worker. Args: $1 pre-image (tar), $2 control-plane|worker, further: flags for kubeadm
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

pre_image=$1 role=$2
shift 2
kubeconfig=/etc/kubernetes/admin.conf
case $role in
    control-plane) ;;
    worker) kubeconfig=/etc/kubernetes/kubelet.conf ;;
    *) echo "kup: '$role' is neither control-plane nor worker" >&2; exit 64 ;;
esac
wait_for_kubeadm
unpack "$pre_image"
put_back_manifests
put_back_kubelet_files
put_back_pairs
if [ "$role" = control-plane ] && [ ! -s /etc/kubernetes/manifests/kube-apiserver.yaml ]; then
    echo 'kup: this control plane has no kube-apiserver.yaml, so kubeadm would take it for a worker; nothing was called' >&2
    exit 65
fi
wait_for_api "$kubeconfig"
clean
room=
umask 022
status=0
kubeadm upgrade node "$@" || status=$?
exit "$status"
