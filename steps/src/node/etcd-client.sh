# etcd-client: how the API server of this control plane reaches etcd, with the files that it does it with; where its manifest is missing and etcd's
# is there, what kubeadm writes into it (kubeadm: phases/controlplane/manifests.go). Changes nothing.
# PRINTS A KEY: what it prints is kept in memory only, and never in a journal, a backup or a log.
# Prints one `key=value` a line:
#   servers=<--etcd-servers of kube-apiserver.yaml>
#   ca=<base64 of the file of --etcd-cafile, empty without>
#   certificate=<base64 of the file of --etcd-certfile, empty without>
#   key=<base64 of the file of --etcd-keyfile, empty without>
#   unknown=<why nobody could tell>       (instead of the others)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
api_server=/etc/kubernetes/manifests/kube-apiserver.yaml

unknown() { printf 'unknown=%s\n' "$1"; exit 0; }
flag() { sed -n "s/^ *- ['\"]\{0,1\}--$1=//p" "$api_server" 2>/dev/null | head -n 1 | tr -d "'\""; }

pki=/etc/kubernetes/pki
if [ ! -e "$api_server" ] && [ -e /etc/kubernetes/manifests/etcd.yaml ]; then
    api_server="$pki, in place of the missing $api_server,"
    flag() {
        case $1 in
            etcd-servers) echo https://127.0.0.1:2379 ;;
            etcd-cafile) echo "$pki/etcd/ca.crt" ;;
            etcd-certfile) echo "$pki/apiserver-etcd-client.crt" ;;
            etcd-keyfile) echo "$pki/apiserver-etcd-client.key" ;;
            *) ;;
        esac
    }
else
    [ -r "$api_server" ] || unknown "there is no $api_server that could be read"
fi
servers=$(flag etcd-servers)
[ -n "$servers" ] || unknown "$api_server names no --etcd-servers"
for name in cafile certfile keyfile; do
    file=$(flag "etcd-$name")
    [ -z "$file" ] || [ -r "$file" ] || unknown "$file, which $api_server names, cannot be read"
done
# Prints a file that a flag names; a flag that is not there names none.
file() { set -- "$(flag "$1")"; [ -z "$1" ] || base64 <"$1" | tr -d '\n'; }
printf 'servers=%s\n' "$servers"
printf 'ca=%s\n' "$(file etcd-cafile)"
printf 'certificate=%s\n' "$(file etcd-certfile)"
printf 'key=%s\n' "$(file etcd-keyfile)"
