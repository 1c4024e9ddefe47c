# Images and the node's own container runtime, behind the part `socket`. A part of scripts, see script.rs.
# crictl speaks with every runtime; from 1.32 on nothing asks for it any more, and then there is the runtime's own program.
find_client() {
    endpoint=$(socket)
    client=none
    # Beside a kubelet with dockershim (until 1.23) lies a containerd that is docker's own.
    if [ -S /var/run/dockershim.sock ] && command -v docker >/dev/null 2>&1; then
        client=docker
    elif [ -n "$endpoint" ] && command -v crictl >/dev/null 2>&1; then
        client=crictl
    elif command -v ctr >/dev/null 2>&1 && [ "${endpoint%containerd.sock}" != "$endpoint" ]; then
        client=ctr
    elif command -v docker >/dev/null 2>&1; then
        client=docker
    fi
}

image_is_there() {
    case $client in
        crictl) crictl --runtime-endpoint "$endpoint" inspecti "$1" >/dev/null 2>&1 ;;
        ctr) ctr --address "${endpoint#unix://}" -n k8s.io images ls -q "name==$1" 2>/dev/null | grep -qxF "$1" ;;
        docker) docker image inspect "$1" >/dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}

pull() {
    case $client in
        crictl) crictl --runtime-endpoint "$endpoint" pull "$1" ;;
        ctr) ctr --address "${endpoint#unix://}" -n k8s.io images pull "$1" >/dev/null ;;
        docker) docker pull -q "$1" ;;
        *) echo 'kup: neither crictl nor ctr nor docker is there to pull images with' >&2; return 69 ;;
    esac
}

# Prints the images that the role needs, as the new kubeadm lists them: its package is looked into, not installed.
list_images() { # name=version of kubeadm
    program=$(mktemp "$home/.kubeadm.XXXXXX")
    program_in "$(package_file "$1")" kubeadm >"$program" && chmod 700 "$program" || { rm -f "$program"; return 1; }
    # shellcheck disable=SC2086 # One word a flag.
    all=$("$program" config images list --kubernetes-version "$release" $flags) || { rm -f "$program"; return 1; }
    rm -f "$program"
    for image in $all; do
        name=${image##*/}
        name=${name%%[:@]*}
        case " $fewer_images " in *" $name "*) continue ;; *) ;; esac
        case $role:$name in
            control-plane:* | worker:kube-proxy | worker:pause) printf '%s\n' "$image" ;;
            *) ;;
        esac
    done
    for image in $more_images; do printf '%s\n' "$image"; done
}
