# keep-files: keeps a tar of the files and folders given under /var/lib/kup/backups/RUN/NAME, and prints that path, the SHA-256 and the length of
# what is there: nothing of it leaves this machine. Write-once: what is there stays. Args: $1 run, $2 name, absolute paths...
umask 077
run=$1 name=$2
shift 2
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

if [ ! -e "$folder/$name" ]; then
    temporary=$(mktemp "$folder/.keep.XXXXXX")
    trap 'rm -f "$temporary"' EXIT
    trap 'exit 1' HUP INT TERM
    (as_tar "$@") >"$temporary"
    sync "$temporary"
    if ! ln "$temporary" "$folder/$name" 2>/dev/null; then
        [ -e "$folder/$name" ] || { echo "kup: cannot make $folder/$name" >&2; exit 74; }
    fi
    rm -f "$temporary"
fi
sync "$folder"
hash=$(sha256sum <"$folder/$name")
length=$(wc -c <"$folder/$name")
printf 'path=%s\nsha256=%s\nlength=%s\n' "$folder/$name" "${hash%% *}" "$((length))"
