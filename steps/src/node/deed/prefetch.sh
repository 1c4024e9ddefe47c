# prefetch: downloads packages into kup's own folder and pulls images, and installs nothing. Keeps the packages of the old versions too, where
# they can still be got. An image that cannot be pulled and is there is well; one that is neither ends this with 69. Args: see take_words in room.sh.
take_words "$@"
[ -n "$wanted" ] || { echo 'kup: no packages were named' >&2; exit 64; }
mkdir -p "$home"
trap 'rm -rf "$home"/.kubeadm.*' EXIT
trap 'exit 1' HUP INT TERM

# What nobody has needed for long, and what a cut attempt has left.
find "$home" -mindepth 1 -maxdepth 1 -name '.*' -mtime +1 -exec rm -rf {} +
for hall in "$home"/*/; do
    if [ -n "$(find "$hall/have" -mtime +90 2>/dev/null)" ]; then rm -rf "$hall"; fi
done

# The old ones first: their repository may be the next to go. Without them only a rollback is poorer.
if [ -n "$old" ]; then
    old_minor=-
    if [ "$wanted_minor" != - ]; then old_minor=$(printf '%s\n' "$old" | sed -nE 's/^ [a-z]+=([0-9]+:)?1[.]([0-9]+)[.].*/v1.\2/p'); fi
    # shellcheck disable=SC2086 # One word a package.
    fill_room "${old_minor:--}" $old || keep_cached $old || echo "kup: a rollback will have to find$old elsewhere"
fi
# shellcheck disable=SC2086 # One word a package.
fill_room "$wanted_minor" $wanted || exit 69

kubeadm=$(printf '%s\n' "$wanted" | tr ' ' '\n' | grep '^kubeadm=' || true)
if [ -z "$kubeadm" ]; then exit 0; fi
case $wanted_minor in -) reopen_room "$home/any" ;; *) reopen_room "$home/$wanted_minor" ;; esac
list_images "$kubeadm" >"$images.tmp" || { echo 'kup: the new kubeadm does not say which images it needs' >&2; exit 69; }
mv -f "$images.tmp" "$images"
find_client
if [ "$client" = none ]; then
    echo 'kup: neither crictl nor ctr nor docker is here to pull images with: kubeadm and the kubelet will pull them' >&2
    exit 0
fi
missing=
while IFS= read -r image; do
    if image_is_there "$image"; then
        echo "$image is there"
    elif pull "$image" </dev/null; then
        echo "$image was pulled"
    else
        missing="$missing $image"
    fi
done <"$images"
if [ -n "$missing" ]; then
    echo "kup: these images are not here and cannot be pulled:$missing" >&2
    exit 69
fi
