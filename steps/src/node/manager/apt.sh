# apt and dpkg. Lists, archives and sources are always a room's own. A part of scripts, see script.rs.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
command -v apt-get >/dev/null 2>&1 || { echo 'kup: this node has no apt-get' >&2; exit 69; }

# --- Packages

# A package whose files are gone but for its configuration is not installed.
installed() {
    fields=$(dpkg-query -W -f='${db:Status-Status} ${Version}' "$1" 2>/dev/null || true)
    case ${fields%% *} in
        '' | not-installed | config-files) ;;
        *) printf '%s\n' "${fields#* }" ;;
    esac
}

# Half unpacked or not configured, or without its program.
is_broken() {
    fields=$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)
    case $fields in
        '' | not-installed | config-files) return 1 ;;
        installed)
            for file in $(dpkg-query -L "$1" | grep "/bin/$1$"); do
                if [ ! -s "$file" ]; then return 0; fi
            done
            return 1 ;;
        *) return 0 ;;
    esac
}

audit() { dpkg --audit 2>&1 | head -n 1; }

is_newer() { dpkg --compare-versions "$1" gt "$2"; }

# dpkg does not wait for its lock as apt does.
finish_interrupted() {
    tries=0
    while [ -n "$(dpkg --audit)" ] || [ -n "$(find /var/lib/dpkg/updates -type f -name '[0-9]*')" ]; do
        if dpkg --force-confold --configure -a; then return 0; fi
        tries=$((tries + 1))
        # What cannot be configured may be what this transaction replaces.
        if [ "$tries" -ge 12 ]; then return 0; fi
        if ! is_other_at_work; then return 0; fi
        sleep 10
    done
}

# Another dpkg or apt at work is worth waiting for; a package that does not configure is not.
is_other_at_work() {
    for process in /proc/[0-9]*; do
        case $(cat "$process/comm" 2>/dev/null || true) in
            dpkg | apt | apt-get | aptitude | unattended-upgr) return 0 ;;
            *) ;;
        esac
    done
    return 1
}

# --- Holds

is_held() { apt-mark showhold | grep -qxE "$1(:[a-z0-9]+)?"; }

# dpkg takes the hold off what it unpacks. So the holds are written down first: an attempt that comes after a cut one finds
# them here.
holds=/var/lib/kup/holds

remember_holds() {
    mkdir -p /var/lib/kup
    { apt-mark showhold; if [ -e "$holds" ]; then cat "$holds"; fi; } | sort -u >"$holds.tmp"
    chmod 600 "$holds.tmp"
    sync "$holds.tmp"
    mv -f "$holds.tmp" "$holds"
    sync /var/lib/kup
}

lock_too() { :; }

lock_only() {
    if [ ! -e "$holds" ]; then return 0; fi
    while IFS= read -r held; do
        is_held "$held" || apt-mark hold "$held"
        is_held "$held" || { echo "kup: the hold of $held was lost" >&2; exit 70; }
    done <"$holds"
    rm -f "$holds"
}

# Holds those of $1, and no other of the packages.
hold_exactly() { # NAMES name=version...
    wanted=$1
    shift
    for package; do
        if ! printf '%s\n' "$wanted" | tr ' ' '\n' | grep -qx "${package%%=*}"; then apt-mark unhold "${package%%=*}"; fi
    done
    for name in $wanted; do
        is_held "$name" || apt-mark hold "$name"
    done
}

# --- The Kubernetes repository

# Lines in use that name a Kubernetes repository; CRI-O's also carry a minor, and are not ours.
in_use='^[[:space:]]*(deb[[:space:]]|URIs:|[a-z+]+:/)'
kubernetes='kubernetes|k8s'
not_ours='cri-?o:|/cri-?o/|helm'

# A line is ours when it, or the name of its file, says so: a /v1.NN/ alone may be anybody's.
ours() { if printf '%s\n' "$1" | grep -qE "$kubernetes"; then echo .; else echo "$kubernetes"; fi; }

repository_lines() { grep -E "$in_use" "$1" 2>/dev/null | grep -E "$(ours "$1")" | grep -Ev "$not_ours" || true; }

repository_files() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        if [ -n "$(repository_lines "$file")" ]; then printf '%s\n' "$file"; fi
    done
}

repository_minor() { repository_lines "$1" | sed -En 's#.*/(v1\.[0-9]+)/.*#\1#p' | head -n 1; }

# Prints the file with the minor in those lines replaced.
with_minor() { sed -E "\\~$in_use~{ \\~$(ours "$1")~{ \\~$not_ours~!s#/v1\\.[0-9]+/#/$2/#g; }; }" "$1"; }

# Replaces a file with what comes on stdin, in one rename; owner and mode stay.
replace() {
    folder=$(dirname "$1")
    temporary=$folder/.kup.$(basename "$1").tmp
    cp -p "$1" "$temporary"
    cat >"$temporary"
    sync "$temporary"
    mv -f "$temporary" "$1"
    sync "$folder"
}

# The file that is asked: one with a minor rather than one without.
source_file() {
    chosen=
    for file in $(repository_files); do
        if [ -z "$chosen" ] || { [ -z "$(repository_minor "$chosen")" ] && [ -n "$(repository_minor "$file")" ]; }; then chosen=$file; fi
    done
    printf '%s\n' "$chosen"
}

# apt ends well with warnings when signatures or downloads fail, and goes on with stale lists.
stale='Failed to fetch|index files failed|GPG error|not signed|no longer signed|could not be verified|couldn.t be verified|NO_PUBKEY|EXPKEYSIG|old ones used'

refresh_lists() { # FILE...
    log=$(mktemp)
    for list; do
        status=0
        apt-get -o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 -o Acquire::Retries=2 \
            -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 || status=$?
        cat "$log"
        if grep -qE "$stale" "$log"; then status=1; fi
        if [ "$status" -ne 0 ]; then break; fi
    done
    rm -f "$log"
    return "$status"
}

# --- A room

# Makes sources in $1 for the Kubernetes repository of a minor, or as it is, and nothing else: its file may name other repositories too.
open_room() { # ROOM [MINOR]
    room=$1
    mkdir -p "$room/lists/partial" "$room/cache/archives/partial"
    file=$(source_file)
    [ -n "$file" ] || { echo 'kup: no file of apt names a Kubernetes repository' >&2; return 65; }
    # The name says whose lines these are, and in which form.
    all=$room/all.${file##*/}
    if [ -n "${2-}" ]; then with_minor "$file" "$2" >"$all"; else cp "$file" "$all"; fi
    case $file in
        *.sources) list=$room/kup.sources; cp "$all" "$list" ;;
        *) list=$room/kup.list; repository_lines "$all" >"$list" ;;
    esac
}

# Opens a room that was filled before.
reopen_room() {
    room=$1 list=$1/kup.list
    if [ ! -f "$list" ]; then list=$1/kup.sources; fi
}

# Runs a program of apt in the room. It keeps no cache of what is installed: apt takes one for fresh as long as dpkg's status has the same size
# and second, and then knows nothing of a transaction that has just ended.
in_room() {
    program=$1
    shift
    "$program" -o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$room/lists" -o "Dir::Cache=$room/cache" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

refresh_room() {
    status=0
    in_room apt-get update >"$room/answer" 2>&1 || status=$?
    if [ "$status" -eq 0 ] && ! grep -qE "$stale" "$room/answer"; then return 0; fi
    grep -E '^(W|E|Err)' "$room/answer" | head -n 3
    return 1
}

# Prints all versions of a package in the room; madison lists the newest first.
offered() { in_room apt-cache madison "$1" 2>/dev/null | awk -F '|' '{ gsub(/ /, "", $2); print $2 }'; }

# --- A transaction

transaction() {
    in_room apt-get -y -q -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120 --allow-change-held-packages --allow-downgrades "$@"
}

# Prints the names that the transaction would touch. Fails where apt refuses it.
would_touch() {
    plan=$(transaction -s install "$@") || return 1
    printf '%s\n' "$plan" | awk '$1 == "Inst" || $1 == "Remv" || $1 == "Purg" { print $2 }'
}

# Downloads the packages, and what comes with them, into the room. Those that are installed are downloaded as well.
fetch() {
    transaction --download-only --reinstall install "$@"
    for package; do
        # What lies on a disk of this machine is not copied by that.
        if [ -z "$(package_file "$package")" ]; then (cd "$room/cache/archives" && in_room apt-get -q download "$package"); fi
    done
}

package_file() { # name=version
    find "$room" -name "${1%%=*}_$(printf '%s' "${1#*=}" | sed 's/:/%3a/')_*.deb" | head -n 1
}

transact() {
    again=
    for package; do
        if [ "$(installed "${package%%=*}")" = "${package#*=}" ] && is_broken "${package%%=*}"; then again=--reinstall; fi
    done
    transaction $again install "$@"
}

# Makes a repository of loose files: apt has checked them when it downloaded them.
index_files() {
    for file in "$room"/files/*.deb; do
        dpkg-deb -f "$file"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" "$(sha256sum <"$file" | cut -d ' ' -f 1)"
    done >"$room/files/Packages"
    printf 'deb [trusted=yes] file:%s/files ./\n' "$room" >"$room/kup.list"
    mkdir -p "$room/lists/partial" "$room/cache/archives/partial"
    reopen_room "$room"
    in_room apt-get -q update
}

# Prints a program in a package file, without installing it.
program_in() { # FILE PROGRAM
    dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "*/bin/$2"
}

# Prints what other transactions than ours have in this machine's cache.
cached_files() { find /var/cache/apt/archives -maxdepth 1 -name "${1%%=*}_$(printf '%s' "${1#*=}" | sed 's/:/%3a/')_*.deb" 2>/dev/null; }
