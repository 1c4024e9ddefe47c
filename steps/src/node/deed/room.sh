# Rooms: folders of kup's own with the sources, lists and files of packages that were downloaded before they are needed. One for each minor, or
# `any` where the repository has no minor in its address. What `have` names is there whole. A part of scripts, see script.rs.
umask 077
home=/var/lib/kup/packages

# Opens the room that has all these packages, whole; fails where there is none.
open_filled_room() {
    for hall in "$home"/*/; do
        if has_all "$hall" "$@" && is_whole "$hall"; then
            reopen_room "${hall%/}"
            offline=yes
            echo "the packages come from $room"
            return 0
        fi
    done
    return 1
}

has_all() { # ROOM name=version...
    have=$1/have
    shift
    [ -f "$have" ] || return 1
    for package; do grep -qxF "$package" "$have" || return 1; done
}

is_whole() { (cd "$1" && sha256sum --quiet -c sums >/dev/null 2>&1); }

# Downloads packages into the room of a minor, beside what is there. Says why and fails when it cannot.
fill_room() { # MINOR|- name=version...
    case $1 in -) minor='' hall=$home/any ;; *) minor=$1 hall=$home/$1 ;; esac
    shift
    if has_all "$hall" "$@" && is_whole "$hall"; then
        echo "$hall has $*"
        return 0
    fi
    open_room "$hall" "$minor" || return 69
    refresh_room || { echo "kup: the repository ${minor:+of $minor }cannot be read" >&2; return 69; }
    fetch "$@" || { echo "kup: $* cannot be downloaded" >&2; return 69; }
    for package; do
        [ -n "$(package_file "$package")" ] || { echo "kup: $package was not downloaded" >&2; return 69; }
    done
    close_room "$@" || return 74
    echo "$hall has $* now"
}

# Keeps what the package manager itself has kept of earlier installations, where no repository has it any more.
keep_cached() { # name=version...
    room=$home/cached
    mkdir -p "$room/files"
    for package; do
        file=$(cached_files "$package" | head -n 1)
        [ -n "$file" ] && cp "$file" "$room/files/" || return 1
    done
    index_files && close_room "$@"
}

# Writes down what the room has, once it is on the disk.
close_room() {
    { if [ -f "$room/have" ]; then cat "$room/have"; fi; printf '%s\n' "$@"; } | sort -u | while IFS= read -r package; do
        if [ -n "$(package_file "$package")" ]; then printf '%s\n' "$package"; fi
    done >"$room/.have.tmp"
    (cd "$room" && find . -type f \( -name '*.deb' -o -name '*.rpm' -o -path '*/repodata/*' -o -name '*_Packages' -o -name '*Release' -o \
        -path './programs/*' \) -exec sha256sum {} +) >"$room/.sums.tmp" || return 1
    sync -f "$room"
    mv -f "$room/.sums.tmp" "$room/sums"
    mv -f "$room/.have.tmp" "$room/have"
    sync "$room"
}

# Takes apart the arguments that prefetch and prefetched share: $1 minor of the repository (v1.31) or `-` where it has none, $2 version
# (v1.31.2), $3 control-plane or worker, further in any order: name=version, old:name=version, image:FLAG or image:+IMAGE or image:-NAME.
take_words() {
    [ "$#" -ge 4 ] || { echo 'kup: too few arguments' >&2; exit 64; }
    wanted_minor=$1 release=$2 role=$3
    shift 3
    wanted='' old='' flags='' more_images='' fewer_images=''
    for word; do
        case $word in
            old:*=*) old="$old ${word#old:}" ;;
            image:--*) flags="$flags ${word#image:}" ;;
            image:+*) more_images="$more_images ${word#image:+}" ;;
            image:-*) fewer_images="$fewer_images ${word#image:-}" ;;
            -* | =* | *= | *[!A-Za-z0-9.+:~=-]*) echo "kup: '$word' is not name=version" >&2; exit 64 ;;
            *=*) wanted="$wanted $word" ;;
            *) echo "kup: '$word' is not name=version" >&2; exit 64 ;;
        esac
    done
    for minor in "$wanted_minor" "v${release#v}"; do
        case $minor in
            - | v1.[0-9]*) ;;
            *) echo "kup: '$minor' is neither a minor nor a version" >&2; exit 64 ;;
        esac
    done
    case $role in control-plane | worker) ;; *) echo "kup: '$role' is no role" >&2; exit 64 ;; esac
    images=$home/images-$release-$role
}
