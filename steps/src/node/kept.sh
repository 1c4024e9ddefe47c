# kept: the SHA-256 of copies that kup keeps on this node, by reading all their bytes. Changes nothing. Args: absolute paths below
# /var/lib/kup/backups
# Prints one `key=value` a line:
#   sha256:<path>=<hash, or `unreadable`>     (each that is there)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
for path; do
    case $path in
        */../* | *[[:cntrl:]]*) echo "kup: '$path' is not a plain path" >&2; exit 64 ;;
        /var/lib/kup/backups/*/*) ;;
        *) echo "kup: '$path' is not a copy that kup keeps" >&2; exit 64 ;;
    esac
    [ -e "$path" ] || continue
    hash=$(sha256sum <"$path") || hash=unreadable
    printf 'sha256:%s=%s\n' "$path" "${hash%% *}"
done
