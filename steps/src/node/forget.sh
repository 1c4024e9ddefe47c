# forget: removes the copies that kup keeps of runs that need them no more: /var/lib/kup/backups/RUN; and what a restore of etcd has left: new data
# that never came into use, and its notes. Old data of etcd stay. What is not there is left out; where it is broken off, it can be done again.
# Args: runs
# Prints one `key=value` a line:
#   freed:<run>=<KiB>     (each that was there)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
backups=/var/lib/kup/backups
for run; do
    case $run in
        *[!0-9a-z-]*) echo "kup: '$run' is not a run" >&2; exit 64 ;;
        [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]-[0-9a-z][0-9a-z][0-9a-z][0-9a-z][0-9a-z][0-9a-z][0-9a-z]) ;;
        *) echo "kup: '$run' is not a run" >&2; exit 64 ;;
    esac
done
if [ -L "$backups" ]; then
    echo "kup: $backups is a symbolic link, and kup makes none" >&2
    exit 65
fi
for run; do
    folder=$backups/$run
    if [ -L "$folder" ]; then
        echo "kup: $folder is a symbolic link, and kup makes none" >&2
        exit 65
    fi
    [ -d "$folder" ] || continue
    kib=$(du -sk "$folder" | cut -f 1)
    rm -rf "$folder"
    restore=/var/lib/kup/restore/$run
    aside=$(cat "$restore/aside" 2>/dev/null || true)
    case $aside in
        */*"kup-$run") rm -rf "$aside/new" && { rmdir "$aside" 2>/dev/null || true; } ;;
        *) ;;
    esac
    rm -rf "$restore"
    printf 'freed:%s=%s\n' "$run" "$kib"
done
if [ -d "$backups" ]; then sync "$backups"; fi
