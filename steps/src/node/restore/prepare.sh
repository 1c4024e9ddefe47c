# restore-prepare: makes new data for this member of etcd from a snapshot, beside the old data, while everything still runs. Only renames are
# left to do then. Args: $1 run, then name=VALUE pairs in this order, then the snapshot's parts:
#   member, peer, cluster, token          (for etcdutl: --name, --initial-advertise-peer-urls, --initial-cluster, --initial-cluster-token)
#   sha256                                (of the snapshot)
#   etcdutl, etcdutl-sha256, minor        (the program, its hash, the minor of etcd that it must be of)
# Ends with 65 where that cannot be done here and with 66 where bytes are not those that were meant; nothing live was touched in any case.
umask 077
value() {
    case $1 in
        "$2="*) printf '%s' "${1#*=}" ;;
        *) echo "kup: expected $2=..., got '$1'" >&2; exit 64 ;;
    esac
}
member=$(value "$1" member) peer=$(value "$2" peer) cluster=$(value "$3" cluster) token=$(value "$4" token)
wanted=$(value "$5" sha256) etcdutl=$(value "$6" etcdutl) program=$(value "$7" etcdutl-sha256) minor=$(value "$8" minor)
shift 8
mkdir -p "$home"
chmod 700 /var/lib/kup/restore "$home"
sync /var/lib/kup /var/lib/kup/restore
if [ "$(noted prepared)" = "$wanted" ]; then echo 'the new data are there already'; exit 0; fi

# --- where the data are, and where there is room for others
manifest=$live/etcd.yaml
if [ ! -e "$manifest" ]; then manifest=$home/manifests/etcd.yaml; fi
[ -e "$manifest" ] || { echo "kup: there is no $live/etcd.yaml" >&2; exit 65; }
flag() { sed -n "s/^ *- ['\"]\{0,1\}--$1=//p" "$manifest" | head -n 1 | tr -d "'\""; }
data=$(flag data-dir)
case $data in
    /*) ;;
    *) echo "kup: $manifest names no --data-dir" >&2; exit 65 ;;
esac
[ -z "$(flag wal-dir)" ] || { echo "kup: $manifest has a --wal-dir of its own; kup does not restore such a member" >&2; exit 65; }
[ -d "$data" ] || { echo "kup: there is no folder $data" >&2; exit 65; }
# Renames work within one file system only, and nobody can rename the root of one.
if [ "$(stat -c %d "$data")" = "$(stat -c %d "$(dirname "$data")")" ]; then aside=$data.kup-$run; else aside=$data/kup-$run; fi
kib() { du -k -s -c "$@" | tail -n 1 | cut -f 1; }
needed=$(($(kib "$@") * 3 + 65536))
free=$(df -Pk "$data" | awk 'NR == 2 {print $4}')
[ "$free" -ge "$needed" ] || { echo "kup: $data needs $needed KiB of room for the new data, and has $free" >&2; exit 65; }

# --- the program and the snapshot are those that are meant
hash_of() { sha256sum <"$1" | cut -d ' ' -f 1; }
if [ "$(hash_of "$etcdutl")" != "$program" ]; then echo "kup: $etcdutl is not the program that was staged" >&2; exit 66; fi
cp "$etcdutl" "$home/etcdutl"
chmod 700 "$home/etcdutl"
trap 'rm -f "$home/snapshot.db"' EXIT
trap 'exit 1' HUP INT TERM
cat "$@" >"$home/snapshot.db"
if [ "$(hash_of "$home/snapshot.db")" != "$wanted" ]; then echo 'kup: the parts are not the snapshot that was meant' >&2; exit 66; fi
version=$("$home/etcdutl" version 2>&1) || { echo "kup: etcdutl does not run here: $version" >&2; exit 65; }
case $version in
    *"etcdutl version: $minor."*) ;;
    *) echo "kup: the snapshot is of etcd $minor, and etcdutl says: $version" >&2; exit 65 ;;
esac

# --- what an attempt before this one has left is no use
mkdir -p "$aside"
chmod 700 "$aside"
rm -rf "$aside/new"
"$home/etcdutl" snapshot restore "$home/snapshot.db" --name "$member" --initial-advertise-peer-urls "$peer" --initial-cluster "$cluster" \
    --initial-cluster-token "$token" --data-dir "$aside/new" --bump-revision 1000000000 --mark-compacted
if [ -d "$data/member" ]; then chown -R --reference="$data/member" "$aside/new"; fi
find "$aside/new" -exec sync {} +
sync "$aside" "$(dirname "$aside")"
printf '%s\n' "$data" | note data
printf '%s\n' "$aside" | note aside
printf '%s\n' "$wanted" | note prepared
echo "the new data of $member are in $aside/new"
