# prefetched: which of the packages and images that prefetch brings are there. Changes nothing. Args: as those of prefetch.
# Prints: have:kubeadm=1.31.2-1.1            (the version where its package is there whole, else empty; one line for each that is wanted)
#         images=known|unknown              (unknown: no prefetch has asked the new kubeadm for them yet)
#         image:registry.k8s.io/pause:3.10=yes|no
take_words "$@"
whole=
for hall in "$home"/*/; do
    if [ -f "$hall/have" ] && is_whole "$hall"; then whole="$whole $hall/have"; fi
done
for package in $wanted; do
    # shellcheck disable=SC2086 # One word a file.
    if [ -n "$whole" ] && grep -qxF -h "$package" $whole; then printf 'have:%s\n' "$package"; else printf 'have:%s=\n' "${package%%=*}"; fi
done
if [ ! -f "$images" ]; then
    echo images=unknown
    exit 0
fi
echo images=known
find_client
if [ "$client" = none ]; then exit 0; fi
while IFS= read -r image; do
    answer=no
    if image_is_there "$image"; then answer=yes; fi
    printf 'image:%s=%s\n' "$image" "$answer"
done <"$images"
