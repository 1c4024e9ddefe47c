# What dnf and zypper have in common: packages as rpm knows them, and .repo files. A part of scripts, see script.rs.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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

# --- Packages

# Prints the versions of a package that rpm has: none, one, or two after an interrupted transaction.
versions_of() { rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null | grep -v ' ' || true; }

# The newest, where an interrupted transaction left two.
installed() { versions_of "$1" | sort -V | tail -n 1; }

# A package is broken when rpm has it twice, or when its program is not the one that it came with. Its other files may have been edited.
is_broken() {
    case $(versions_of "$1" | wc -l) in
        0) return 1 ;;
        1) rpm -V --nodeps --noscripts --nomtime --nouser --nogroup --nomode --nordev --nocaps "$1" 2>/dev/null |
            grep -qE "/bin/$1$" ;;
        *) return 0 ;;
    esac
}

audit() {
    for package in kubeadm kubelet kubectl cri-tools kubernetes-cni; do
        if [ "$(versions_of "$package" | wc -l)" -gt 1 ]; then
            printf 'rpm has %s twice: %s' "$package" "$(versions_of "$package" | tr '\n' ' ')"
            return 0
        fi
    done
}

is_newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$1" ]; }

# Of a package that is there twice, the older goes: its files were replaced before the newer was entered.
finish_interrupted() {
    wait_for_others
    for package in kubeadm kubelet kubectl cri-tools kubernetes-cni; do
        for old in $(versions_of "$package" | sort -V | sed '$d'); do
            rpm -e --nodeps --noscripts "$package-$old"
        done
    done
}

# Holds are of names, or move with the package; what is held is never let go.
remember_holds() { :; }

hold_exactly() { :; }

# rpm does not wait for its lock as dnf does.
wait_for_others() {
    tries=0
    while is_other_at_work && [ "$tries" -lt 12 ]; do
        tries=$((tries + 1))
        sleep 10
    done
}

is_other_at_work() {
    for process in /proc/[0-9]*; do
        case $(cat "$process/comm" 2>/dev/null || true) in
            rpm | yum | dnf | dnf5 | zypper) return 0 ;;
            *) ;;
        esac
    done
    return 1
}

# --- The Kubernetes repository

# A section of a .repo file is ours when its id or an address says so; CRI-O's also carry a minor, and are not ours. With $2
# `print` prints our sections that are in use, with the minor $3 in their addresses and without what leaves packages out; with `print-all`
# also those that are not in use; with `switch` the whole file with that minor; with `minor` the minors of our sections; with `left-out` the
# names and patterns that our sections leave out.
sections() {
    awk -v deed="$2" -v wanted="${3-}" '
        function address(line) { return line ~ /^[ \t]*(baseurl|mirrorlist|metalink|gpgkey)[ \t]*[=:]/ || (line ~ /^[ \t]/ && continued == "address") }
        function is_ours(i) {
            for (i = 1; i <= n; i++) {
                if (lines[i] ~ /^\[/ || urls[i]) {
                    if (tolower(lines[i]) ~ /cri-?o[:\]\/]|helm/) return 0
                    if (tolower(lines[i]) ~ /kubernetes|k8s/) found = 1
                }
            }
            return found
        }
        function is_off(i) {
            for (i = 1; i <= n; i++) if (lines[i] ~ /^[ \t]*enabled[ \t]*=[ \t]*(0|[nN]o|[fF]alse)/) return 1
            return 0
        }
        function close_section(i, ours, left_out, shown) {
            found = 0
            ours = n > 0 && lines[1] ~ /^\[/ && lines[1] !~ /^\[main\]/ && is_ours()
            shown = ours && (deed == "print-all" || deed == "left-out" || (deed == "print" && !is_off()))
            for (i = 1; i <= n; i++) {
                if (ours && deed == "minor" && urls[i] && lines[i] !~ /gpgkey/ && match(lines[i], /\/v1\.[0-9]+(:?\/|[ \t]*$)/)) {
                    minor = substr(lines[i], RSTART + 1, RLENGTH - 1)
                    sub(/[:\/ \t]+$/, "", minor)
                    print minor
                }
                if (ours && urls[i] && wanted != "") lines[i] = with_minor(lines[i])
                if (deed == "switch") print lines[i]
                if (!shown) continue
                if (lines[i] ~ /^[ \t]*(exclude|excludepkgs)[ \t]*=/) left_out = 1
                else if (lines[i] !~ /^[ \t]+[^ \t]/) left_out = 0
                if (left_out && deed == "left-out") print lines[i]
                if (left_out || deed == "left-out" || lines[i] ~ /^[ \t]*enabled[ \t]*=/) continue
                print lines[i]
                if (i == 1) print "enabled=1"
            }
            n = 0
        }
        function with_minor(line, out) {
            while (match(line, /\/v1\.[0-9]+(:?\/|[ \t]*$)/)) {
                rest = substr(line, RSTART + 1, RLENGTH - 1)
                sub(/^v1\.[0-9]+/, "", rest)
                out = out substr(line, 1, RSTART) wanted
                line = rest substr(line, RSTART + RLENGTH)
            }
            return out line
        }
        /^\[/ { close_section() }
        {
            lines[++n] = $0
            urls[n] = address($0)
            if ($0 ~ /^[^ \t]/) continued = urls[n] ? "address" : ""
        }
        END { close_section() }
    ' "$1"
}

# The file that is asked.
source_file() { repository_files | head -n 1; }

repository_files() {
    for file in $(repository_folders | sed 's#$#/*.repo#'); do
        if [ -f "$file" ] && [ -n "$(sections "$file" print-all)" ]; then printf '%s\n' "$file"; fi
    done
}

repository_minor() { sections "$1" minor | head -n 1; }

with_minor() { sections "$1" switch "$2"; }

# Prints our sections of all files: of a minor, or with no $1 as they are. Where some are in use, those that are not are left out.
kubernetes_sections() {
    for deed in print print-all; do
        text=$(for file in $(repository_files); do sections "$file" "$deed" "${1-}"; done)
        if [ -n "$text" ]; then
            printf '%s\n' "$text"
            return 0
        fi
    done
    echo "kup: no .repo file in $(repository_folders | tr '\n' ' ')names a Kubernetes repository" >&2
    return 65
}

# Opens a room that was filled before.
reopen_room() { room=$1; }

# Files of packages without a repository of theirs go to rpm itself, which is as exact.
index_files() { :; }

loose_files() { for package; do package_file "$package"; done; }

package_file() { # name=version
    find "$room" -name "${1%%=*}-${1#*=}.*.rpm" | head -n 1
}

would_touch() {
    if [ ! -d "$room/files" ]; then
        would_change "$@"
        return "$?"
    fi
    # shellcheck disable=SC2046 # One word a file.
    rpm -U --oldpackage --replacepkgs --test $(loose_files "$@") >&2 || return 1
    for package; do printf '%s\n' "${package%%=*}"; done
}

transact() {
    if [ ! -d "$room/files" ]; then
        change "$@"
        return "$?"
    fi
    # shellcheck disable=SC2046 # One word a file.
    rpm -U --oldpackage --replacepkgs $(loose_files "$@")
}

# Prints a program in a package file, without installing it.
program_in() { # FILE PROGRAM
    if command -v rpm2cpio >/dev/null 2>&1 && command -v cpio >/dev/null 2>&1; then
        rpm2cpio "$1" | cpio -i --quiet --to-stdout "*/bin/$2"
    elif command -v bsdtar >/dev/null 2>&1; then
        bsdtar -xOf "$1" "*/bin/$2"
    else
        echo 'kup: neither rpm2cpio and cpio nor bsdtar is there to look into a package' >&2
        return 69
    fi
}
