# Putting back what an interrupted kubeadm took away, and waiting until one may be called. A part of scripts, see script.rs.
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

# Replaces a file in one rename. The kubelet does not read names that begin with a dot. Args: the new one, the file.
place() {
    mkdir -p "$(dirname "$2")"
    temporary=$(dirname "$2")/.kup.$(basename "$2")
    cp -p "$1" "$temporary"
    sync "$temporary"
    mv -f "$temporary" "$2"
    sync "$(dirname "$2")"
}

# Puts a file back as the pre-image has it.
put_back() {
    place "$room$1" "$1"
    echo "put back $1"
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
