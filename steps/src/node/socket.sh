# The socket of the node's container runtime. A part of scripts, see script.rs.
socket() {
    endpoint=$(sed -nE 's/.*--container-runtime-endpoint=([^ "]+).*/\1/p' /var/lib/kubelet/kubeadm-flags.env 2>/dev/null || true)
    for file in /var/lib/kubelet/instance-config.yaml /var/lib/kubelet/config.yaml; do
        if [ -z "$endpoint" ]; then endpoint=$(sed -nE 's/^containerRuntimeEndpoint: *"?([^" ]+)"?.*/\1/p' "$file" 2>/dev/null || true); fi
    done
    for file in /run/containerd/containerd.sock /run/crio/crio.sock /run/cri-dockerd.sock; do
        if [ -z "$endpoint" ] && [ -S "$file" ]; then endpoint=unix://$file; fi
    done
    case $endpoint in /*) endpoint=unix://$endpoint ;; *) ;; esac
    printf '%s\n' "$endpoint"
}
