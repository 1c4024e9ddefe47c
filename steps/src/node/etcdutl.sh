# etcdutl: what the etcdutl that kup keeps on this node is. Changes nothing. Args: $1 its path. Prints one `key=value` a line:
#   sha256=<its hash, empty where it is not there>
#   version=<its version, e.g. 3.5.30, or what it says instead>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
if [ ! -f "$1" ]; then printf 'sha256=\nversion=\n'; exit 0; fi
# Kept files are not executable, and /tmp may be mounted so that nothing there is.
program=$(mktemp /var/lib/kup/etcdutl.XXXXXX)
trap 'rm -f "$program"' EXIT
trap 'exit 1' HUP INT TERM
cp "$1" "$program"
chmod 700 "$program"
said=$("$program" version 2>&1 | tr '\n' ' ' | cut -c 1-200) || true
version=${said#*etcdutl version: }
case $said in
    *"etcdutl version: "*) version=${version%% *} ;;
    *) version=$said ;;
esac
printf 'sha256=%s\n' "$(sha256sum <"$1" | cut -d ' ' -f 1)"
printf 'version=%s\n' "$version"
