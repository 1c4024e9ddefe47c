# offers: which versions of kubeadm, kubelet, kubectl the repositories of minors have. Changes nothing on the node. Args: minors (v1.30)...
# Prints: offer:v1.30:kubeadm=1.30.5-1.1,1.30.4-1.1   (every package version, newest first; the same for kubelet, kubectl)
#         unreadable:v1.32=<why the repository of that minor cannot be read>
#         repository=<file it was read through>
for minor; do
    case $minor in
        v1.[0-9] | v1.[0-9][0-9] | v1.[0-9][0-9][0-9]) ;;
        *) echo "kup: '$minor' is not a minor such as v1.30" >&2; exit 64 ;;
    esac
done
source=$(source_file)
[ -n "$source" ] || { echo 'kup: nothing names a Kubernetes repository' >&2; exit 65; }
hall=$(mktemp -d)
trap 'rm -rf "$hall"' EXIT
trap 'exit 1' HUP INT TERM

for minor; do
    open_room "$hall/$minor" "$minor"
    if ! why=$(refresh_room); then
        printf 'unreadable:%s=%s\n' "$minor" "$(printf '%s' "$why" | tr '\n' ' ')"
        continue
    fi
    for package in kubeadm kubelet kubectl; do
        # A repository without a minor in its address has them all.
        versions=$(offered "$package" | grep -E "^([0-9]+:)?${minor#v}[.]" | tr '\n' ',' || true)
        printf 'offer:%s:%s=%s\n' "$minor" "$package" "${versions%,}"
    done
done
printf 'repository=%s\n' "$source"
