# Containers of static pods, told by the node's own runtime, which answers also when no API server does. A part of scripts, see script.rs.
# Prints a name for each container of a component that runs: of crictl where it is there, else its process.
running() {
    if command -v crictl >/dev/null 2>&1; then
        endpoint=$(socket)
        crictl ${endpoint:+--runtime-endpoint "$endpoint"} ps --quiet --name "$1" --label "io.kubernetes.container.name=$1" 2>/dev/null && return 0
    fi
    short=$(printf '%.15s' "$1")
    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        if [ "$name" = "$short" ]; then printf '%s\n' "${process##*/}"; fi
    done
}

# Waits until a container runs that is none of those in $2, for at most $3 seconds.
wait_for_new() { # COMPONENT BEFORE SECONDS
    waited=0
    while [ "$waited" -lt "$3" ]; do
        for container in $(running "$1"); do
            case " $(printf '%s' "$2" | tr '\n' ' ') " in *" $container "*) ;; *) return 0 ;; esac
        done
        sleep 1
        waited=$((waited + 1))
    done
    return 1
}
