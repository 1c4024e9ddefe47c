# offers: which versions of kubeadm, kubelet, kubectl the repositories of minors have. Changes nothing on the node: uses throw-away
# copies of apt's lists and sources. Args: minors (v1.20)...
# Prints: offer:v1.20:kubeadm=1.20.3-1.1,1.20.2-1.1   (every package version, newest first; the same for kubelet, kubectl)
#         unreadable:v1.22=<why the repository of that minor cannot be read>
#         repository=<file it was read through>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
for minor; do
    case $minor in
        v1.[0-9] | v1.[0-9][0-9] | v1.[0-9][0-9][0-9]) ;;
        *) echo "kup: '$minor' is not a minor such as v1.20" >&2; exit 64 ;;
    esac
done
command -v apt-get >/dev/null 2>&1 || { echo 'kup: this node has no apt-get' >&2; exit 69; }

# --- the Kubernetes repository (the same text in packages, offers and repository)
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
# ---

source=
for file in $(repository_files); do
    if [ -z "$source" ] || { [ -z "$(repository_minor "$source")" ] && [ -n "$(repository_minor "$file")" ]; }; then source=$file; fi
done
[ -n "$source" ] || { echo 'kup: no file of apt names a Kubernetes repository' >&2; exit 65; }

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM

# apt ends well with warnings when signatures or downloads fail; here nothing stale could be left, but something could be missing.
stale='Failed to fetch|index files failed|GPG error|not signed|no longer signed|could not be verified|couldn.t be verified|NO_PUBKEY|EXPKEYSIG|old ones used'

# Only the Kubernetes lines: the file may name other repositories too.
make_list() {
    case $source in
        *.sources) list=$room/$1/kup.sources; with_minor "$source" "$1" >"$list" ;;
        *) list=$room/$1/kup.list; all=$room/$1/all.${source##*/}; with_minor "$source" "$1" >"$all"; repository_lines "$all" >"$list" ;;
    esac
}

apt_here() {
    program=$1
    shift
    "$program" -o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$room/$minor/lists" \
        -o "Dir::Cache=$room/$minor/cache" -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
        -o Acquire::https::Timeout=20 "$@"
}

for minor; do
    mkdir -p "$room/$minor/lists/partial" "$room/$minor/cache/archives/partial"
    make_list "$minor"
    status=0
    apt_here apt-get update >"$room/log" 2>&1 || status=$?
    if [ "$status" -ne 0 ] || grep -qE "$stale" "$room/log"; then
        why=$(grep -E '^(W|E|Err)' "$room/log" | head -n 3 | tr '\n' ' ')
        printf 'unreadable:%s=%s\n' "$minor" "$why"
        continue
    fi
    for package in kubeadm kubelet kubectl; do
        # madison lists the newest first.
        versions=$(apt_here apt-cache madison "$package" 2>/dev/null | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | tr '\n' ',')
        printf 'offer:%s:%s=%s\n' "$minor" "$package" "${versions%,}"
    done
done
printf 'repository=%s\n' "$source"
