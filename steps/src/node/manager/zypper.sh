# zypper. Its caches, repositories and locks are always a room's own, so that the node's locks do not stand in the way of what was asked for,
# while they stay as they are for everybody else. A part of scripts, see script.rs.
command -v zypper >/dev/null 2>&1 || { echo 'kup: this node has no zypper' >&2; exit 69; }
export ZYPP_LOCK_TIMEOUT=120

repository_folders() { echo /etc/zypp/repos.d; }

# --- Holds: locks by name

is_held() {
    if [ ! -f /etc/zypp/locks ]; then return 1; fi
    set -f
    for pattern in $(sed -n 's/^solvable_name:[ \t]*//p' /etc/zypp/locks); do
        # shellcheck disable=SC2254 # The words are patterns.
        case $1 in $pattern) set +f; return 0 ;; *) ;; esac
    done
    set +f
    return 1
}

# The locks are of names: they hold the new version as they held the old one.
lock_too() { :; }

lock_only() { :; }

# --- A room

# Makes a configuration in $1 for the Kubernetes repository of a minor, or as it is, and nothing else.
open_room() { # ROOM [MINOR]
    room=$1
    mkdir -p "$room/repos" "$room/cache"
    # Packages are kept after an installation too: an attempt that comes after a cut one needs them again.
    kubernetes_sections "${2-}" | sed -e '/^keeppackages/d' -e 's/^enabled=1$/&\nkeeppackages=1/' >"$room/repos/kubernetes.repo"
    configuration=/etc/zypp/zypp.conf
    if [ ! -f "$configuration" ]; then configuration=/usr/etc/zypp/zypp.conf; fi
    {
        if [ -f "$configuration" ]; then grep -vE '^[[:space:]]*locksfile[.]' "$configuration" || true; else echo '[main]'; fi
        printf 'locksfile.path = %s\n' "$room/locks"
    } >"$room/zypp.conf"
}

run_zypper() {
    ZYPP_CONF=$room/zypp.conf zypper --non-interactive --no-refresh --reposd-dir "$room/repos" --cache-dir "$room/cache" \
        --raw-cache-dir "$room/cache/raw" --solv-cache-dir "$room/cache/solv" --pkg-cache-dir "$room/cache/packages" "$@"
}

refresh_room() {
    ZYPP_CONF=$room/zypp.conf zypper --non-interactive --reposd-dir "$room/repos" --cache-dir "$room/cache" --raw-cache-dir "$room/cache/raw" \
        --solv-cache-dir "$room/cache/solv" refresh >"$room/answer" 2>&1 || { tail -n 5 "$room/answer"; return 1; }
}

# Prints all versions of a package in the room, newest first.
offered() {
    run_zypper --xmlout search --details --match-exact --type package "$1" 2>/dev/null |
        sed -n 's/.*<solvable .*name="'"$1"'".* edition="\([^"]*\)".* repository="[^(][^"]*".*/\1/p' | sort -Vru
}

# --- A transaction

spelt() { # name=version...: as zypper takes them; what is installed in that version and broken is installed again
    for package; do
        if [ "$(installed "${package%%=*}")" != "${package#*=}" ]; then printf '%s\n' "$package"; fi
    done
}

broken() {
    for package; do
        if [ "$(installed "${package%%=*}")" = "${package#*=}" ] && is_broken "${package%%=*}"; then printf '%s\n' "$package"; fi
    done
}

# Prints the names that the transaction would touch. Fails where zypper refuses it.
would_change() {
    wanted=$(spelt "$@")
    if [ -z "$wanted" ]; then return 0; fi
    # shellcheck disable=SC2086 # One word a package.
    run_zypper --xmlout install --dry-run --no-recommends --oldpackage --allow-vendor-change $wanted >"$room/answer" 2>&1 || true
    if grep -q '<install-summary' "$room/answer"; then
        sed '/<\/install-summary>/q' "$room/answer" | sed -n 's/.*<solvable type="package" name="\([^"]*\)".*/\1/p'
    elif ! grep -q 'Nothing to do' "$room/answer"; then
        sed -e 's/<[^>]*>//g' "$room/answer" | grep . | tail -n 12 >&2
        return 1
    fi
}

# Downloads the packages, and what comes with them, into the room. Those that are installed are downloaded as well.
fetch() {
    for package; do
        again=
        if [ "$(installed "${package%%=*}")" = "${package#*=}" ]; then again=--force; fi
        run_zypper install --download-only --no-recommends --oldpackage --allow-vendor-change --auto-agree-with-licenses $again "$package" || informs "$?"
    done
}

# zypper ends with 100 and more when it only has something to say; 104 is a package that is not there.
informs() { [ "$1" -ge 100 ] && [ "$1" -ne 104 ] && [ "$1" -ne 105 ]; }

change() {
    for again in '' --force; do
        case $again in '') wanted=$(spelt "$@") ;; *) wanted=$(broken "$@") ;; esac
        if [ -z "$wanted" ]; then continue; fi
        # shellcheck disable=SC2086 # One word a package.
        run_zypper install --no-recommends --oldpackage --allow-vendor-change --auto-agree-with-licenses $again $wanted || informs "$?"
    done
}

# Prints what other transactions than ours have in this machine's cache.
cached_files() { find /var/cache/zypp/packages -name "${1%%=*}-${1#*=}.*.rpm" 2>/dev/null; }

refresh_lists() { # FILES
    umask 077
    mkdir -p /var/lib/kup/packages
    open_room "$(mktemp -d /var/lib/kup/packages/.room.XXXXXX)"
    status=0
    refresh_room || status=$?
    rm -rf "$room"
    return "$status"
}
