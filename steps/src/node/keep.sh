# keep: keeps the bytes of stdin under /var/lib/kup/backups/RUN/NAME and prints that path. Write-once: what is there stays.
# Bytes that did not arrive whole are not kept. Args: $1 run, $2 name, $3 SHA-256 of the bytes
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
run=$1 name=$2 wanted=$3
home=/var/lib/kup
folder=$home/backups/$run

for word in "$run" "$name"; do
    case $word in
        '' | .* | -* | */* | *[[:cntrl:]]*) echo "kup: '$word' is not a name for a backup" >&2; exit 64 ;;
    esac
done
mkdir -p "$folder"
chmod 700 "$home" "$home/backups" "$folder"
sync "$home" "$home/backups"

temporary=$(mktemp "$folder/.keep.XXXXXX")
trap 'rm -f "$temporary"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$temporary"
arrived=$(sha256sum <"$temporary")
if [ "${arrived%% *}" != "$wanted" ]; then
    echo "kup: the bytes of $name did not arrive whole" >&2
    exit 74
fi
sync "$temporary"
if ! ln "$temporary" "$folder/$name" 2>/dev/null; then
    [ -e "$folder/$name" ] || { echo "kup: cannot make $folder/$name" >&2; exit 74; }
fi
rm -f "$temporary"
sync "$folder"
printf '%s\n' "$folder/$name"
