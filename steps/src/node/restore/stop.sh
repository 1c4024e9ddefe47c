# restore-stop: takes static pods away from this control plane: each manifest is copied aside, once, and removed; then their containers must be
# gone. Where no kubelet sees to that, the node's own runtime is told. Args: $1 run, components...
# Ends with 70 where a container stays.
umask 077
patience=60
for component; do known_component "$component"; done
mkdir -p "$home/manifests"
chmod 700 /var/lib/kup/restore "$home" "$home/manifests"
sync /var/lib/kup /var/lib/kup/restore "$home"
for component; do
    manifest=$live/$component.yaml
    if [ ! -e "$manifest" ]; then continue; fi
    if [ ! -e "$home/manifests/$component.yaml" ]; then
        cp -p "$manifest" "$home/manifests/.$component.yaml"
        sync "$home/manifests/.$component.yaml"
        mv "$home/manifests/.$component.yaml" "$home/manifests/$component.yaml"
        sync "$home/manifests"
    fi
    rm -f "$manifest"
    sync "$live"
    echo "took $manifest away"
done

stop_now() {
    for container in $(running "$1"); do
        if command -v crictl >/dev/null 2>&1; then
            endpoint=$(socket)
            # Gently where crictl knows how; etcd and API servers survive the other way too.
            crictl ${endpoint:+--runtime-endpoint "$endpoint"} stop --timeout 30 "$container" >/dev/null 2>&1 ||
                crictl ${endpoint:+--runtime-endpoint "$endpoint"} stop "$container" >/dev/null || true
        else
            kill "$container" || true
        fi
    done
}

waited=0
if [ "$(systemctl show -p ActiveState kubelet.service)" != ActiveState=active ]; then waited=$patience; fi
for component; do
    while [ -n "$(running "$component")" ]; do
        if [ "$waited" -ge $((patience * 2)) ]; then echo "kup: $component still runs" >&2; exit 70; fi
        if [ "$waited" -ge "$patience" ]; then stop_now "$component"; fi
        sleep 1
        waited=$((waited + 1))
    done
    echo "$component does not run"
done
