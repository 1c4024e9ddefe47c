# control-plane: the static pods and key pairs of this node as they are on the disk. Changes nothing.
# Prints one `key=value` a line, for c in etcd kube-apiserver kube-controller-manager kube-scheduler:
#   manifest:<c>=<sha256 of /etc/kubernetes/manifests/<c>.yaml, empty when missing>
#   image:<c>=<the container's image in it, empty when missing>
#   stray=<other names in the folder that the kubelet would read, comma separated>
#   pair:<path without .crt/.key>=ok|mismatch|unknown   for each certificate with a key below /etc/kubernetes/pki and each kubeconfig with embedded
#                                                       data below /etc/kubernetes (unknown: no openssl, or unreadable)
#   kubeadm_running=yes|no
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

folder=/etc/kubernetes/manifests

image_of() {
    if [ -r "$1" ]; then sed -n 's/^[- ]*image: *//p' "$1" | head -n 1 | tr -d "\"'"; fi
}

hash_of() {
    if [ -r "$1" ]; then sha256sum <"$1" | cut -d ' ' -f 1; fi
}

strays() {
    for file in "$folder"/*; do
        [ -e "$file" ] || continue
        case ${file##*/} in
            etcd.yaml | kube-apiserver.yaml | kube-controller-manager.yaml | kube-scheduler.yaml) ;;
            *) printf '%s\n' "${file##*/}" ;;
        esac
    done | tr '\n' ',' | sed 's/,$//'
}

kubeadm_running() {
    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        if [ "$name" = kubeadm ]; then echo yes; return 0; fi
    done
    echo no
}

for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    printf 'manifest:%s=%s\n' "$component" "$(hash_of "$folder/$component.yaml")"
    printf 'image:%s=%s\n' "$component" "$(image_of "$folder/$component.yaml")"
done
printf 'stray=%s\n' "$(strays)"
pairs /etc/kubernetes | while IFS= read -r pair; do
    printf 'pair:%s=%s\n' "$pair" "$(pair_state "$pair")"
done
printf 'kubeadm_running=%s\n' "$(kubeadm_running)"
