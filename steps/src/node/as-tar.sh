# Files and folders as a tar: uncompressed, absolute names without the leading slash, owner and mode kept. Missing ones are left out. A part of
# scripts, see script.rs.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Prints it. Args: absolute paths.
as_tar() {
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
}

