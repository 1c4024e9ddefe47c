# read-files: prints a tar (uncompressed, absolute names without the leading slash, owner and mode kept) of the files and folders given, to
# stdout. Missing ones are left out. Changes nothing. Args: absolute paths
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Only these paths go into the list of tar, so that a leading dash is never taken for an option.
number=$#
while [ "$number" -gt 0 ]; do
    path=$1
    shift
    number=$((number - 1))
    case $path in
        /*) ;;
        *) echo "kup: '$path' is not an absolute path" >&2; exit 64 ;;
    esac
    if [ -e "$path" ] || [ -L "$path" ]; then
        path=${path#/}
        set -- "$@" "--add-file=${path%/}"
    fi
done
if [ "$#" -eq 0 ]; then
    tar -cf - -T /dev/null
else
    tar -C / -cf - --format=gnu --sort=name --numeric-owner "$@"
fi
