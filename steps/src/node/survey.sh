# survey: what gates want to know of a machine. Changes nothing.
# Prints one `key=value` a line:
#   kernel=6.1.0-18-amd64
#   os=<PRETTY_NAME of /etc/os-release>
#   architecture=amd64|arm64|...
#   cgroup_version=1|2|0                   (0: nobody could tell)
#   swap=<device or file>                  (one line each)
#   runtime_endpoint=<socket that kubeadm-flags.env, instance-config.yaml or config.yaml name; empty for the default>
#   images=yes|no                          (no: neither crictl nor ctr could tell)
#   image=<name of an image>               (one line each)
#   certificate:<path>=<end, seconds since 1970>   (below /etc/kubernetes/pki, embedded in its *.conf, kubelet-client-current.pem)
#   flag:<file or process>=--name=value    (kubeadm-flags.env, /etc/default/kubelet, /etc/sysconfig/kubelet, drop-ins, the running process)
#   kubelet_config=<base64 of /var/lib/kubelet/config.yaml, empty without>
#   manifest:<component>=<base64 of the static pod's manifest>
#   leftover=<name in /etc/kubernetes/tmp> (one line each)
#   automatic=<active unit that upgrades or reboots by itself>
#   cni=<name in /etc/cni/net.d>
#   api_server=yes|no                      (yes on a machine with kube-apiserver.yaml; then also)
#   api_version=<its version, empty without an answer>
#   api_unready=<what its /readyz lacks, empty when ready>
set -eu
exit 70
