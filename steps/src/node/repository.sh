# repository: switches the node's Kubernetes repository to a minor and refreshes the package lists.
# Only the v1.NN segment of the URLs in the files that name one is changed, each file in one rename. Args: $1 minor (v1.20)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
minor=$1
case $minor in
    v1.[0-9] | v1.[0-9][0-9] | v1.[0-9][0-9][0-9]) ;;
    *) echo "kup: '$minor' is not a minor such as v1.20" >&2; exit 64 ;;
esac
command -v apt-get >/dev/null 2>&1 || { echo 'kup: this node has no apt-get' >&2; exit 69; }
export DEBIAN_FRONTEND=noninteractive

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

files=
for file in $(repository_files); do
    if [ -n "$(repository_minor "$file")" ]; then files="$files $file"; fi
done
if [ -z "$files" ]; then
    echo 'kup: no file of apt names a Kubernetes repository with a minor (/v1.NN/) in its address; switch it by hand' >&2
    exit 65
fi

temporary=
log=$(mktemp)
trap 'rm -f "$log" ${temporary:+"$temporary"}' EXIT
trap 'exit 1' HUP INT TERM
for file in $files; do
    folder=$(dirname "$file")
    temporary=$folder/.kup.$(basename "$file").tmp
    # The copy carries owner and mode.
    cp -p "$file" "$temporary"
    with_minor "$file" "$minor" >"$temporary"
    if cmp -s "$file" "$temporary"; then
        rm -f "$temporary"
        echo "$file names $minor already"
    else
        sync "$temporary"
        mv -f "$temporary" "$file"
        sync "$folder"
        echo "$file names $minor now"
    fi
    temporary=
done

# apt ends well with warnings when signatures or downloads fail, and goes on with stale lists.
stale='Failed to fetch|index files failed|GPG error|not signed|no longer signed|could not be verified|couldn.t be verified|NO_PUBKEY|EXPKEYSIG|old ones used'

for file in $files; do
    status=0
    apt-get -o "Dir::Etc::sourcelist=$file" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 -o Acquire::Retries=2 \
        -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 || status=$?
    cat "$log"
    if [ "$status" -ne 0 ] || grep -qE "$stale" "$log"; then
        echo "kup: the lists of $file could not be refreshed" >&2
        exit 69
    fi
done
