# facts: who is this machine, what does it run, how much room has it. Changes nothing.
# Prints one `key=value` a line:
#   hostname=cp1
#   machine_id=<contents of /etc/machine-id>
#   boot_id=<contents of /proc/sys/kernel/random/boot_id>
#   host_key=<SHA256:... fingerprint of the ed25519 (else ecdsa, rsa) SSH host key, empty without one>
#   uid=0
#   systemd=running|degraded|...|absent          (systemctl is-system-running; absent without systemd as PID 1)
#   package_manager=apt|dnf|zypper|none
#   admin_conf=yes|no                            (/etc/kubernetes/admin.conf)
#   manifests=etcd.yaml,kube-apiserver.yaml,...  (names in /etc/kubernetes/manifests that do not begin with a dot, sorted)
#   free_kib:<path>=<KiB>                        for /etc/kubernetes /var/lib/kubelet /var/lib/kup /var/lib/etcd /usr/bin /var/cache/apt (nearest existing parent)
#   etcd_kib=<KiB of /var/lib/etcd, 0 without>
#   owner=<contents of /var/lib/kup/owner on one line, empty without>
#   other_upgrade=<names of running kubeadm, apt-get, dpkg processes that are not kup's, empty without>
#   now=<seconds since 1970 UTC>
