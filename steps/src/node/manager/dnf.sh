# dnf 4, dnf 5 and yum. Its directories, configuration and repositories are always a room's own, so that neither excludes nor the versionlock
# plugin stand in the way of what was asked for, while both stay as they are for everybody else. A part of scripts, see script.rs.
dnf=$(command -v dnf || command -v yum || true)
[ -n "$dnf" ] || { echo 'kup: this node has neither dnf nor yum' >&2; exit 69; }

generation=yum
case $(readlink -f "$dnf") in
    *dnf5) generation=dnf5 ;;
    *dnf*) generation=dnf4 ;;
    *) if "$dnf" --version 2>/dev/null | grep -q dnf5; then generation=dnf5; fi ;;
esac

repository_folders() {
    for folder in /etc/yum.repos.d /etc/distro.repos.d; do
        if [ -d "$folder" ]; then printf '%s\n' "$folder"; fi
    done
}

main_configuration() {
    for file in /etc/dnf/dnf.conf /etc/yum.conf /etc/yum/yum.conf; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; return 0; fi
    done
}

# --- Holds: what is left out of a repository, and version locks

lock_file() {
    for file in /etc/dnf/versionlock.toml /etc/dnf/plugins/versionlock.list /etc/yum/pluginconf.d/versionlock.list; do
        if [ -s "$file" ]; then printf '%s\n' "$file"; return 0; fi
    done
}

left_out() {
    for file in $(repository_files); do sections "$file" left-out; done
    file=$(main_configuration)
    if [ -n "$file" ]; then
        awk '/^[ \t]*(exclude|excludepkgs)[ \t]*=/ { on = 1 } on && /^[^ \t]/ && !/^(exclude|excludepkgs)/ { on = 0 } on' "$file"
    fi
}

is_held() {
    patterns=$(left_out | sed 's/^[ \t]*[a-z]*[ \t]*=//' | tr ',' ' ')
    set -f
    for pattern in $patterns; do
        # shellcheck disable=SC2254 # The words are patterns.
        case $1 in $pattern) set +f; return 0 ;; *) ;; esac
    done
    set +f
    locks_of "$1" | grep -q .
}

# Prints what the versions of a package are locked to.
locks_of() {
    file=$(lock_file)
    case $file in
        '') ;;
        *.toml) awk -v name="$1" '/^\[\[packages\]\]/ { on = 0 } $1 == "name" && $3 == "\"" name "\"" { on = 1 } on && $1 == "value" { gsub(/"/, "", $3); print $3 }' "$file" ;;
        *) sed -nE "s/^([0-9]+:)?$1-([0-9]+:)?([0-9].*)$/\\3/p" "$file" ;;
    esac
}

# A lock moves with its package: first the new version is locked beside the old one, and after the transaction the old one goes. So none lapses.
lock_too() {
    for package; do
        name=${package%%=*} version=${package#*=}
        if [ -z "$(locks_of "$name")" ] || locks_of "$name" | grep -qF "$version"; then continue; fi
        file=$(lock_file)
        case $file in
            *.toml) { cat "$file"; printf '\n[[packages]]\nname = "%s"\n[[packages.conditions]]\nkey = "evr"\ncomparator = "="\nvalue = "%s"\n' "$name" "$version"; } | replace "$file" ;;
            /etc/yum/*) { cat "$file"; printf '0:%s-%s.*\n' "$name" "$version"; } | replace "$file" ;;
            *) { cat "$file"; printf '%s-0:%s.*\n' "$name" "$version"; } | replace "$file" ;;
        esac
    done
}

lock_only() {
    for package; do
        name=${package%%=*} version=${package#*=}
        if ! locks_of "$name" | grep -qF "$version"; then continue; fi
        file=$(lock_file)
        case $file in
            *.toml) awk -v name="\"$name\"" -v version="$version" '
                function end() { if (!ours || index(block, version)) printf "%s", block; block = ""; ours = 0 }
                /^\[\[packages\]\]/ { end() }
                $1 == "name" && $3 == name { ours = 1 }
                { block = block $0 "\n" }
                END { end() }' "$file" | replace "$file" ;;
            *) awk -v name="$name" -v version="$version" '{
                line = $0
                sub(/^[0-9]+:/, "", line)
                if (index(line, name "-") == 1 && substr(line, length(name) + 2) ~ /^([0-9]+:)?[0-9]/ && !index(line, version)) next
                print
            }' "$file" | replace "$file" ;;
        esac
    done
}

# --- A room

# Makes a configuration in $1 for the Kubernetes repository of a minor, or as it is, and nothing else. What the node says of proxies and
# certificates stays.
open_room() { # ROOM [MINOR]
    room=$1
    mkdir -p "$room/repos" "$room/cache" "$room/log" "$room/state"
    kubernetes_sections "${2-}" | sed '/^[[:space:]]*skip_if_unavailable/d' >"$room/repos/kubernetes.repo"
    configuration=$(main_configuration)
    {
        echo '[main]'
        printf 'reposdir=%s\ncachedir=%s\nkeepcache=1\nplugins=0\nmetadata_expire=never\nskip_if_unavailable=0\n' "$room/repos" "$room/cache"
        if [ "$generation" = dnf5 ]; then printf 'system_cachedir=%s\n' "$room/cache"; fi
        if [ -n "$configuration" ]; then
            awk '/^\[/ { main = $0 ~ /^\[main\]/; next }
                /^[^ \t#]/ { own = $0 ~ /^(reposdir|cachedir|system_cachedir|keepcache|plugins|metadata_expire|skip_if_unavailable|exclude|excludepkgs|best|assumeyes|assumeno|installonly_limit)[ \t]*=/ }
                main && !own' "$configuration"
        fi
    } >"$room/dnf.conf"
}

# Asks in the room: state and logs are the room's.
ask_dnf() { run_dnf --setopt="logdir=$room/log" --setopt="persistdir=$room/state" "$@"; }

run_dnf() { "$dnf" -y --config="$room/dnf.conf" "$@"; }

refresh_room() { ask_dnf makecache >"$room/answer" 2>&1 || { tail -n 5 "$room/answer"; return 1; }; }

# Prints all versions of a package in the room, newest first.
offered() {
    if [ "$generation" = yum ]; then
        ask_dnf -q -C list --showduplicates "$1" 2>/dev/null | awk -v name="$1" 'index($1, name ".") == 1 { sub(/^[0-9]+:/, "", $2); print $2 }'
    else
        ask_dnf -q -C repoquery --showduplicates --qf ' %{name}=%{version}-%{release} ' "$1" 2>/dev/null | tr ' ' '\n' | sed -n "s/^$1=//p"
    fi | sort -Vru
}

# --- A transaction

# Prints which of the packages have to be installed, downgraded, or installed again.
to_do() { # VERB name=version...
    verb=$1
    shift
    for package; do
        name=${package%%=*} version=${package#*=}
        now=$(installed "$name")
        if [ "$now" = "$version" ]; then
            needed=none
            if is_broken "$name"; then needed=reinstall; fi
        elif [ -n "$now" ] && is_newer "$now" "$version"; then
            needed=downgrade
        else
            needed=install
        fi
        if [ "$needed" = "$verb" ]; then printf '%s-%s\n' "$name" "$version"; fi
    done
}

# Prints the names that the transaction would touch. Fails where dnf refuses it.
would_change() {
    for verb in install downgrade reinstall; do
        wanted=$(to_do "$verb" "$@")
        if [ -z "$wanted" ]; then continue; fi
        # shellcheck disable=SC2086 # One word a package.
        run_dnf --setopt="logdir=$room/log" -C --assumeno "$verb" $wanted >"$room/answer" 2>&1 || true
        if grep -q '^Transaction Summary' "$room/answer"; then
            awk '/^Transaction Summary/ { exit } /^ [^ ]/ && $1 != "Package" && NF > 2 { print $1 }' "$room/answer"
        elif ! grep -q 'Nothing to do' "$room/answer"; then
            tail -n 12 "$room/answer" >&2
            return 1
        fi
    done
}

# Downloads the packages, and what comes with them, into the room. Those that are installed are downloaded as well.
fetch() {
    for package; do
        name=${package%%=*} version=${package#*=}
        verb=install
        if [ "$(installed "$name")" = "$version" ]; then verb=reinstall; fi
        if [ -n "$(installed "$name")" ] && [ -z "$(to_do install "$package")" ] && [ "$verb" = install ]; then verb=downgrade; fi
        ask_dnf -q --downloadonly "$verb" "$name-$version"
    done
}

change() {
    for verb in install downgrade reinstall; do
        wanted=$(to_do "$verb" "$@")
        # shellcheck disable=SC2086 # One word a package.
        if [ -n "$wanted" ]; then run_dnf ${offline:+-C} "$verb" $wanted; fi
    done
}

# Prints what other transactions than ours have in this machine's cache.
cached_files() { find /var/cache/dnf /var/cache/libdnf5 /var/cache/yum -name "${1%%=*}-${1#*=}.*.rpm" 2>/dev/null; }

refresh_lists() { # FILES
    umask 077
    mkdir -p /var/lib/kup/packages
    open_room "$(mktemp -d /var/lib/kup/packages/.room.XXXXXX)"
    status=0
    refresh_room || status=$?
    rm -rf "$room"
    return "$status"
}
