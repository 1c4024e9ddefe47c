# restore-start: gives static pods back to this control plane and waits until the node's runtime runs each. Args: $1 run, $2 the pre-image (tar)
# that has their manifests, or - for those that were taken away, components... What has no manifest there is left alone.
# Ends with 70 where a component does not come up.
patience=300
pre_image=$1
shift
for component; do known_component "$component"; done
if [ "$pre_image" != - ]; then
    unpack "$pre_image"
    put_back_pairs
fi
for component; do
    source=$home/manifests/$component.yaml
    if [ "$pre_image" != - ]; then source=$room$live/$component.yaml; fi
    manifest=$live/$component.yaml
    if [ ! -e "$source" ]; then continue; fi
    if ! cmp -s "$source" "$manifest"; then
        place "$source" "$manifest"
        echo "put back $manifest"
    fi
    if wait_for_new "$component" '' "$patience"; then
        echo "$component runs"
    else
        echo "kup: $component did not come up within $patience seconds of its manifest" >&2
        exit 70
    fi
done
