# repository: switches the node's Kubernetes repository to a minor, and proves that it can be read.
# Only the v1.NN segment of the addresses in the files that name one is changed, each file in one rename. Args: $1 minor (v1.31)
minor=$1
case $minor in
    v1.[0-9] | v1.[0-9][0-9] | v1.[0-9][0-9][0-9]) ;;
    *) echo "kup: '$minor' is not a minor such as v1.31" >&2; exit 64 ;;
esac
files=
for file in $(repository_files); do
    if [ -n "$(repository_minor "$file")" ]; then files="$files $file"; fi
done
if [ -z "$files" ]; then
    echo 'kup: no file names a Kubernetes repository with a minor (/v1.NN/) in its address; switch it by hand' >&2
    exit 65
fi
for file in $files; do
    if with_minor "$file" "$minor" | cmp -s "$file" -; then
        echo "$file names $minor already"
    else
        with_minor "$file" "$minor" | replace "$file"
        echo "$file names $minor now"
    fi
done
# shellcheck disable=SC2086 # One word a file.
refresh_lists $files || { echo "kup: the repository of $minor cannot be read" >&2; exit 69; }
