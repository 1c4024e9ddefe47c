# Whether a kubeadm is at work on this node. The first part of scripts, see script.rs.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
kubeadm_runs() {
    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        if [ "$name" = kubeadm ]; then return 0; fi
    done
    return 1
}
