# facts: who is this machine, what does it run, how much room has it. Changes nothing.
# Prints one `key=value` a line:
#   hostname=cp1
#   machine_id=<contents of /etc/machine-id>
#   boot_id=<contents of /proc/sys/kernel/random/boot_id>
#   host_key=<SHA256:... fingerprint of the ed25519 (else ecdsa, rsa) SSH host key, empty without one>
#   uid=0
#   systemd=running|degraded|...|absent          (systemctl is-system-running; absent without systemd as PID 1)
#   package_manager=apt|dnf|zypper|binaries|none (what owns kubelet and kubeadm; binaries: they are there and no package owns them)
#   admin_conf=yes|no                            (/etc/kubernetes/admin.conf)
#   manifests=etcd.yaml,kube-apiserver.yaml,...  (names in /etc/kubernetes/manifests that do not begin with a dot, sorted)
#   free_kib:<path>=<KiB>                        for /etc/kubernetes /var/lib/kubelet /var/lib/kup /var/lib/etcd /usr/bin /var/cache/apt (nearest existing parent)
#   etcd_kib=<KiB of /var/lib/etcd, 0 without>
#   owner=<contents of /var/lib/kup/owner on one line, empty without>
#   other_upgrade=<names of running kubeadm, apt-get, dpkg, dnf, yum, rpm, zypper processes, also of an attempt that an earlier run has left; empty without>
#   now=<seconds since 1970 UTC>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
first_line() { head -n 1 "$1" 2>/dev/null || true; }

host_key() {
    for kind in ed25519 ecdsa rsa; do
        key=/etc/ssh/ssh_host_${kind}_key.pub
        if [ -r "$key" ]; then
            ssh-keygen -l -E sha256 -f "$key" 2>/dev/null | cut -d ' ' -f 2
            return 0
        fi
    done
}

systemd_state() {
    if [ -d /run/systemd/system ]; then systemctl is-system-running 2>/dev/null || true; else echo absent; fi
}

package_manager() {
    if command -v dpkg-query >/dev/null 2>&1 && dpkg-query -W -f='${db:Status-Status}\n' kubelet kubeadm 2>/dev/null | grep -qvE '^(not-installed|config-files)$'; then
        echo apt
    elif command -v rpm >/dev/null 2>&1 && { rpm -q kubelet || rpm -q kubeadm; } >/dev/null 2>&1; then
        rpm_manager
    elif command -v kubelet >/dev/null 2>&1 || command -v kubeadm >/dev/null 2>&1; then
        echo binaries
    elif command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1; then
        echo apt
    else
        rpm_manager
    fi
}

rpm_manager() {
    if command -v zypper >/dev/null 2>&1; then
        echo zypper
    elif command -v dnf >/dev/null 2>&1 || command -v yum >/dev/null 2>&1; then
        echo dnf
    else
        echo none
    fi
}

manifests() {
    # shellcheck disable=SC2012 # Names are shown, never used.
    if [ -d /etc/kubernetes/manifests ]; then ls /etc/kubernetes/manifests | sort | tr '\n' ',' | sed 's/,$//'; fi
}

free_kib() {
    path=$1
    while [ ! -e "$path" ]; do path=$(dirname "$path"); done
    df -Pk "$path" | awk 'NR == 2 { print $4 }'
}

etcd_kib() {
    if [ -d /var/lib/etcd ]; then du -sk /var/lib/etcd 2>/dev/null | cut -f 1; else echo 0; fi
}

other_upgrade() {
    for process in /proc/[0-9]*; do
        # No program is started for each of them: there may be hundreds.
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        case $name in
            kubeadm | apt-get | dpkg | dnf | dnf5 | yum | rpm | zypper) printf '%s\n' "$name" ;;
            *) ;;
        esac
    done | sort -u | tr '\n' ',' | sed 's/,$//'
}

admin_conf=no
if [ -e /etc/kubernetes/admin.conf ]; then admin_conf=yes; fi

printf 'hostname=%s\n' "$(uname -n)"
printf 'machine_id=%s\n' "$(first_line /etc/machine-id)"
printf 'boot_id=%s\n' "$(first_line /proc/sys/kernel/random/boot_id)"
printf 'host_key=%s\n' "$(host_key)"
printf 'uid=%s\n' "$(id -u)"
printf 'systemd=%s\n' "$(systemd_state)"
printf 'package_manager=%s\n' "$(package_manager)"
printf 'admin_conf=%s\n' "$admin_conf"
printf 'manifests=%s\n' "$(manifests)"
for path in /etc/kubernetes /var/lib/kubelet /var/lib/kup /var/lib/etcd /usr/bin /var/cache/apt; do
    printf 'free_kib:%s=%s\n' "$path" "$(free_kib "$path")"
done
printf 'etcd_kib=%s\n' "$(etcd_kib)"
printf 'owner=%s\n' "$(first_line /var/lib/kup/owner)"
printf 'other_upgrade=%s\n' "$(other_upgrade)"
printf 'now=%s\n' "$(date -u +%s)"
