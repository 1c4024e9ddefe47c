# etcd: its members, their health and alarms, asked through a control plane with the API server's own etcd client certificate
# (endpoints and files as kube-apiserver.yaml names them, so that etcd beside the API server and etcd elsewhere are one path). Changes nothing.
# Without arguments prints one `key=value` a line:
#   kind=stacked|external                 (stacked: there is an etcd.yaml)
#   members=<base64 of etcd's answer to a member list>
#   alarms=<base64 of etcd's answer to an alarm list>, or no_alarms=<why there is none>
#   unknown=<why nobody could tell>       (instead of the others)
# With the members' endpoints as arguments:
#   quota=<--quota-backend-bytes of etcd.yaml, empty without>
#   status:<endpoint>=<base64 of what the member says of itself>
#   silent:<endpoint>=<why it says nothing>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
api_server=/etc/kubernetes/manifests/kube-apiserver.yaml
etcd=/etc/kubernetes/manifests/etcd.yaml
# Longer than etcd itself waits for its quorum.
patience=8

unknown() { printf 'unknown=%s\n' "$1"; exit 0; }
flag() { sed -n "s/^ *- ['\"]\{0,1\}--$1=//p" "$2" 2>/dev/null | head -n 1 | tr -d "'\""; }
encoded() { base64 | tr -d '\n'; }

[ -r "$api_server" ] || unknown "there is no $api_server that could be read"
servers=$(flag etcd-servers "$api_server")
ca=$(flag etcd-cafile "$api_server")
certificate=$(flag etcd-certfile "$api_server")
key=$(flag etcd-keyfile "$api_server")
[ -n "$servers" ] || unknown "$api_server names no --etcd-servers"

# --- four ways to put a question to an endpoint; each prints JSON, and why there is none on stderr
# Arguments: endpoint, path, body.
by_curl() {
    curl --silent --show-error --fail --globoff --max-time "$patience" --noproxy '*' ${ca:+--cacert "$ca"} ${certificate:+--cert "$certificate"} \
        ${key:+--key "$key"} --data "$3" -- "$1$2"
}

by_wget() {
    wget --no-verbose --output-document=- --tries=1 --timeout="$patience" --no-proxy ${ca:+--ca-certificate="$ca"} \
        ${certificate:+--certificate="$certificate"} ${key:+--private-key="$key"} --post-data="$3" -- "$1$2"
}

# Whoever has neither has the program that made the certificates.
by_openssl() {
    case $1 in
        https://*) ;;
        *) echo 'without curl or wget only https can be asked' >&2; return 1 ;;
    esac
    said=$(mktemp "$room/http.XXXXXX")
    printf 'POST %s HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "$2" "${1#https://}" "${#3}" "$3" |
        timeout "$patience" openssl s_client -quiet -verify_return_error -connect "${1#https://}" ${ca:+-CAfile "$ca"} \
            ${certificate:+-cert "$certificate"} ${key:+-key "$key"} >"$said" || return 1
    head -n 1 "$said" | grep -q ' 200 ' || { head -c 300 "$said" >&2; return 1; }
    tr -d '\r' <"$said" | sed '1,/^$/d'
}

etcd_root() {
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = etcd ] && [ -e "$process/root/usr/local/bin/etcdctl" ]; then
            printf '%s/root\n' "$process"
            return 0
        fi
    done
}

# The container sees etcd's own key pairs, not the API server's.
by_etcdctl() {
    case $2 in
        */member/list) set -- "$1" member list ;;
        */alarm) set -- "$1" alarm list ;;
        */status) set -- "$1" endpoint status ;;
        *) return 64 ;;
    esac
    endpoint=$1
    shift
    pki=/etc/kubernetes/pki/etcd
    ETCDCTL_API=3 chroot "$root" /usr/local/bin/etcdctl --endpoints="$endpoint" --cacert="$pki/ca.crt" --cert="$pki/server.crt" \
        --key="$pki/server.key" --command-timeout="${patience}s" --write-out=json "$@"
}
# ---

root=
if command -v curl >/dev/null 2>&1; then
    question=by_curl
elif wget --version >/dev/null 2>&1; then
    question=by_wget
elif command -v openssl >/dev/null 2>&1; then
    question=by_openssl
else
    root=$(etcd_root)
    [ -n "$root" ] || unknown 'this control plane has neither curl nor wget nor openssl, and no container with an etcdctl to ask by'
    question=by_etcdctl
fi

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM

# Prints the answer in base64, or fails and leaves the reason in a file that is named by the fourth argument.
answer() {
    if "$question" "$1" "$2" "$3" >"$4.json" 2>"$4.why" && [ -s "$4.json" ]; then
        encoded <"$4.json"
    else
        return 1
    fi
}

reason() { if [ -s "$1.why" ]; then tr '\n' ' ' <"$1.why" | cut -c 1-300; else echo 'no answer'; fi; }

if [ "$#" -gt 0 ]; then
    printf 'quota=%s\n' "$(flag quota-backend-bytes "$etcd")"
    number=0
    for endpoint; do
        number=$((number + 1))
        (
            if said=$(answer "$endpoint" /v3/maintenance/status '{}' "$room/$number"); then
                printf 'status:%s=%s\n' "$endpoint" "$said"
            else
                printf 'silent:%s=%s\n' "$endpoint" "$(reason "$room/$number")"
            fi >"$room/$number.line"
        ) &
    done
    wait
    cat "$room"/*.line
    exit 0
fi

# The first server that answers tells. Asked without `linearizable`, a list needs no quorum; etcd before 3.5 does not know the word.
members=
for server in $(printf '%s' "$servers" | tr ',' ' '); do
    if members=$(answer "$server" /v3/cluster/member/list '{"linearizable":false}' "$room/members") ||
        members=$(answer "$server" /v3/cluster/member/list '{}' "$room/members"); then
        break
    fi
    members=
done
[ -n "$members" ] || unknown "no etcd answers at $servers: $(reason "$room/members")"
kind=external
if [ -e "$etcd" ]; then kind=stacked; fi
printf 'kind=%s\nmembers=%s\n' "$kind" "$members"
# This needs a quorum.
if alarms=$(answer "$server" /v3/maintenance/alarm '{"action":"GET"}' "$room/alarms"); then
    printf 'alarms=%s\n' "$alarms"
else
    printf 'no_alarms=%s\n' "$(reason "$room/alarms")"
fi
