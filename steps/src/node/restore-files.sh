# restore-files: puts files of a pre-image back, each by dotfile, sync, rename, sync of its folder; files below a path given that are not in
# the pre-image are removed. Folders given as `DIR/` are compared file by file. Args: $1 pre-image (tar), further: absolute paths
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
pre_image=$1
shift
[ -r "$pre_image" ] || { echo "kup: there is no pre-image at $pre_image" >&2; exit 64; }
for path; do
    case $path/ in
        */../* | */./* | *//*//* | /) echo "kup: '$path' is not a plain path" >&2; exit 64 ;;
        /*) ;;
        *) echo "kup: '$path' is not an absolute path" >&2; exit 64 ;;
    esac
done

room=$(mktemp -d /var/lib/kup/work.XXXXXX)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$room/image"
tar -xpf "$pre_image" -C "$room/image"
image=$room/image

exists() { [ -e "$1" ] || [ -L "$1" ]; }
look_of() { stat -c '%f %u %g' "$1" 2>/dev/null || true; }

is_same() {
    [ "$(look_of "$1")" = "$(look_of "$2")" ] || return 1
    if [ -L "$1" ]; then [ "$(readlink "$1")" = "$(readlink "$2")" ]; else cmp -s "$1" "$2"; fi
}

# The kubelet does not read names that begin with a dot, so a manifest is never seen half-written nor missing.
restore_file() {
    target=$1
    if is_same "$image$target" "$target"; then return 0; fi
    folder=$(dirname "$target")
    temporary=$folder/.kup.$(basename "$target")
    cp -p -P "$image$target" "$temporary"
    if [ ! -L "$temporary" ]; then sync "$temporary"; fi
    mv -f -T "$temporary" "$target"
    sync "$folder"
    echo "restored $target"
}

# Makes the folders above a file as the pre-image has them, where they are missing.
make_folders() {
    case $1 in
        / | .) return 0 ;;
        *) ;;
    esac
    if [ -d "$1" ]; then return 0; fi
    make_folders "$(dirname "$1")"
    mkdir "$1"
    chmod --reference="$image$1" "$1"
    chown --reference="$image$1" "$1"
    sync "$(dirname "$1")"
}

remove_file() {
    rm -f "$1"
    sync "$(dirname "$1")"
    echo "removed $1"
}

# Puts all files of the pre-image back first, then removes what it does not have.
restore_folder() {
    find "$image$1" -type d 2>/dev/null >"$room/folders" || true
    find "$image$1" ! -type d 2>/dev/null >"$room/files" || true
    find "$1" ! -type d 2>/dev/null >"$room/found" || true
    while IFS= read -r copy; do make_folders "${copy#"$image"}"; done <"$room/folders"
    while IFS= read -r copy; do restore_file "${copy#"$image"}"; done <"$room/files"
    while IFS= read -r file; do
        if ! exists "$image$file"; then remove_file "$file"; fi
    done <"$room/found"
}

for path; do
    plain=/${path#/}
    plain=${plain%/}
    if [ -d "$image$plain" ] || { [ -d "$plain" ] && [ ! -L "$plain" ]; }; then
        restore_folder "$plain"
    elif exists "$image$plain"; then
        make_folders "$(dirname "$plain")"
        restore_file "$plain"
    elif exists "$plain"; then
        remove_file "$plain"
    fi
done
