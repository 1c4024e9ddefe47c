# Plain programs that no package owns, with their own unit. New ones come from a folder or an address laid out like dl.k8s.io's release folder:
# SOURCE/v1.31.2/bin/linux/amd64/kubeadm, with kubeadm.sha256 beside it; or from a pattern with {version}, {arch} and {program} in it.
# A version is `1.31.2`. A part of scripts, see script.rs. Args, before all others: from:SOURCE (may be left out where nothing is downloaded)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
from=
case ${1-} in
    from:*) from=${1#from:}; shift ;;
    *) ;;
esac
case $from in
    *'{program}'*) pattern=$from ;;
    *) pattern="${from%/}/{version}/bin/linux/{arch}/{program}" ;;
esac
case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    armv7*) arch=arm ;;
    i?86) arch=386 ;;
    *) arch=$(uname -m) ;;
esac

# --- Programs

# The kubelet's is the one that its unit runs.
program_path() {
    path=
    if [ "$1" = kubelet ]; then path=$(systemctl show kubelet -p ExecStart 2>/dev/null | sed -nE 's/.* path=([^ ;]+).*/\1/p'); fi
    if [ -n "$path" ] && [ -e "$path" ]; then printf '%s\n' "$path"; else command -v "$1" 2>/dev/null || true; fi
}

installed() {
    path=$(program_path "$1")
    if [ -n "$path" ]; then version_in "$1" "$path"; fi
}

version_in() { # PROGRAM FILE
    case $1 in
        kubeadm) "$2" version -o short 2>/dev/null ;;
        kubelet) "$2" --version 2>/dev/null ;;
        kubectl) "$2" version --client -o yaml 2>/dev/null || "$2" version --client 2>/dev/null ;;
        *) ;;
    esac | sed -nE 's/^(.*[^A-Za-z0-9.])?v([0-9]+[.][0-9]+[.][0-9][^ ,"]*).*/\2/p' | head -n 1
}

is_broken() { [ -n "$(program_path "$1")" ] && [ -z "$(installed "$1")" ]; }

audit() { :; }

is_newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$1" ]; }

# A program is replaced in one rename: only a copy can be left half-done.
finish_interrupted() {
    for program in kubeadm kubelet kubectl; do
        path=$(program_path "$program")
        if [ -n "$path" ]; then rm -f "$(dirname "$path")/.kup.$program.tmp"; fi
    done
}

# Nobody but an operator moves a plain program.
is_held() { return 1; }

remember_holds() { :; }

lock_too() { :; }

lock_only() { :; }

hold_exactly() { :; }

# --- Where new ones come from

source_file() { printf '%s\n' "$from"; }

repository_files() { if [ -n "$from" ]; then printf '%s\n' "$from"; fi; }

repository_minor() { :; }

address() { # PROGRAM VERSION
    printf '%s\n' "$pattern" | sed -e "s/{version}/v$2/g" -e "s/{arch}/$arch/g" -e "s/{program}/$1/g"
}

get() { # ADDRESS: prints what is there
    case $1 in
        file://*) cat "${1#file://}" ;;
        /*) cat "$1" ;;
        *) if command -v curl >/dev/null 2>&1; then curl -fsSL --retry 2 --connect-timeout 20 "$1"; else wget -qO- --tries=3 --timeout=20 "$1"; fi ;;
    esac
}

open_room() { # ROOM [MINOR]
    room=$1 room_minor=${2-}
    room_minor=${room_minor#v}
    mkdir -p "$room/programs"
    [ -n "$from" ] || { echo 'kup: nobody has said where new programs come from' >&2; return 65; }
}

reopen_room() { room=$1 room_minor=; }

# Looks which patches of the minor there are; a source has no list, but a checksum for each, and none after the newest.
refresh_room() {
    : >"$room/patches"
    if [ -z "$room_minor" ]; then return 0; fi
    patch=0 missed=0
    while [ "$missed" -lt 3 ] || { [ ! -s "$room/patches" ] && [ "$patch" -lt 40 ]; }; do
        status=0
        get "$(address kubeadm "$room_minor.$patch").sha256" >/dev/null 2>&1 || status=$?
        case $status in
            0) echo "$room_minor.$patch" >>"$room/patches"; missed=0 ;;
            # Not there, as cat, wget and curl say it. All else is no answer.
            1 | 8 | 22) missed=$((missed + 1)) ;;
            *) echo "$from does not answer (status $status)"; return 1 ;;
        esac
        patch=$((patch + 1))
    done
    [ -s "$room/patches" ] || { echo "there is no kubeadm.sha256 of $room_minor at $from"; return 1; }
}

offered() {
    sort -Vr "$room/patches" | while IFS= read -r patch; do
        if get "$(address "$1" "$patch").sha256" >/dev/null 2>&1; then printf '%s\n' "$patch"; fi
    done
}

# --- A transaction

package_file() { # name=version
    if [ -s "$room/programs/${1%%=*}-${1#*=}" ]; then printf '%s\n' "$room/programs/${1%%=*}-${1#*=}"; fi
}

# Brings programs into the room, each checked against its sum. Those that are installed are copied.
fetch() {
    for package; do
        name=${package%%=*} version_wanted=${package#*=}
        file=$room/programs/$name-$version_wanted
        if [ -s "$file" ]; then continue; fi
        if [ "$(installed "$name")" = "$version_wanted" ]; then
            cp "$(program_path "$name")" "$room/.$name.tmp" || return 1
        else
            get "$(address "$name" "$version_wanted")" >"$room/.$name.tmp" || return 1
            sum=$(get "$(address "$name" "$version_wanted").sha256" | cut -d ' ' -f 1) || return 1
            if [ "$(sha256sum <"$room/.$name.tmp" | cut -d ' ' -f 1)" != "$sum" ]; then
                echo "kup: $name $version_wanted from $from is not what its checksum says" >&2
                return 1
            fi
        fi
        chmod 755 "$room/.$name.tmp"
        sync "$room/.$name.tmp"
        mv -f "$room/.$name.tmp" "$file"
    done
}

would_touch() { for package; do printf '%s\n' "${package%%=*}"; done; }

# Each in one rename, beside the one that it replaces; those that are as asked stay.
transact() {
    if [ -z "$offline" ]; then fetch "$@"; fi
    for package; do
        name=${package%%=*}
        if [ "$(installed "$name")" = "${package#*=}" ]; then continue; fi
        path=$(program_path "$name")
        path=$(readlink -f "${path:-/usr/local/bin/$name}")
        temporary=$(dirname "$path")/.kup.$name.tmp
        cp "$(package_file "$package")" "$temporary"
        chmod 755 "$temporary"
        if [ -e "$path" ]; then
            chown --reference="$path" "$temporary"
            chcon --reference="$path" "$temporary" 2>/dev/null || true
        fi
        sync "$temporary"
        mv -f "$temporary" "$path"
        sync "$(dirname "$path")"
        echo "$path is $name ${package#*=} now"
    done
}

program_in() { cat "$1"; }

cached_files() { :; }

index_files() { :; }
