# control-plane: the static pods and key pairs of this node as they are on the disk. Changes nothing.
# Prints one `key=value` a line, for c in etcd kube-apiserver kube-controller-manager kube-scheduler:
#   manifest:<c>=<sha256 of /etc/kubernetes/manifests/<c>.yaml, empty when missing>
#   image:<c>=<the container's image in it, empty when missing>
#   stray=<other names in the folder that the kubelet would read, comma separated>
#   pair:<path without .crt/.key>=ok|mismatch|unknown   for each certificate with a key below /etc/kubernetes/pki and each kubeconfig with embedded
#                                                       data below /etc/kubernetes (unknown: no openssl, or unreadable)
#   kubeadm_running=yes|no
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

for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    printf 'manifest:%s=%s\n' "$component" "$(hash_of "$folder/$component.yaml")"
    printf 'image:%s=%s\n' "$component" "$(image_of "$folder/$component.yaml")"
done
printf 'stray=%s\n' "$(strays)"
pairs /etc/kubernetes | while IFS= read -r pair; do
    printf 'pair:%s=%s\n' "$pair" "$(pair_state "$pair")"
done
running=no
if kubeadm_runs; then running=yes; fi
printf 'kubeadm_running=%s\n' "$running"
