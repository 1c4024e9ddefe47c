# shellcheck shell=bash
# The machine the lab runs on: whether it can, and the packages it needs.

MACHINE_PACKAGES=(
  apt-utils debootstrap dpkg-dev systemd-container # packages, the base system, the nodes
  gcc libc6-dev python3                            # the stub program and the images
  haproxy iproute2 iptables openssh-client         # the load balancer, the bridge, cut connections
  jq curl ca-certificates openssl
)
CGROUPS=(blkio cpu cpuacct cpuset devices freezer memory pids)

install_machine_packages() {
  local package missing=()
  for package in "${MACHINE_PACKAGES[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -x installed >/dev/null || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing ${missing[*]}"
  logged apt install_packages "${missing[@]}"
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@"
}

debian_mirror() {
  local mirror
  mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null ||
    awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list 2>/dev/null || true)
  echo "${mirror:-http://deb.debian.org/debian}"
}

# Every check tries the thing itself, changes nothing and needs nothing that a bare Debian lacks.
probe() {
  local check
  for check in is_root is_debian_12 is_amd64 has_cgroups has_namespaces has_overlay has_bridges has_nspawn has_room; do
    "probe_$check" || return 1
  done
  say "this machine can run the lab"
}

cannot() { say "this machine cannot run the lab: $*"; return 1; }

probe_is_root() { [ "$(id -u)" = 0 ] || cannot "not root"; }

probe_is_debian_12() {
  (. /etc/os-release && [ "$ID" = debian ] && [ "${VERSION_ID:-}" = 12 ]) 2>/dev/null ||
    cannot "not Debian 12, whose Kubernetes source, containerd and etcd it uses"
}

probe_is_amd64() { [ "$(uname -m)" = x86_64 ] || cannot "not an x86_64 machine"; }

probe_has_cgroups() {
  local controller dir
  for controller in "${CGROUPS[@]}"; do
    dir=/sys/fs/cgroup/$controller
    [ -e "$dir/cgroup.procs" ] ||
      { cannot "no cgroup v1 controller at $dir (boot with systemd.unified_cgroup_hierarchy=0)"; return 1; }
    { mkdir "$dir/kup-probe.$$" && rmdir "$dir/kup-probe.$$"; } 2>/dev/null ||
      { cannot "cannot make a cgroup in $dir"; return 1; }
  done
}

probe_has_namespaces() {
  unshare --mount --uts --ipc --net --pid --fork true 2>/dev/null || cannot "cannot make namespaces (inside a container?)"
}

probe_has_overlay() {
  local dir status=0
  dir=$(mktemp -d)
  mkdir "$dir"/{lower,upper,work,root}
  unshare --mount mount -t overlay overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" 2>/dev/null || status=1
  rm -rf "$dir"
  [ "$status" = 0 ] || cannot "cannot mount an overlay below ${TMPDIR:-/tmp}"
}

probe_has_bridges() {
  command -v ip >/dev/null || return 0 # it is installed later
  unshare --net sh -c 'ip link add probe0 type bridge && ip link add probe1 type veth peer name probe2' 2>/dev/null ||
    cannot "cannot make a bridge and a veth pair"
}

probe_has_nspawn() {
  command -v systemd-nspawn >/dev/null || return 0 # it is installed later
  systemd-nspawn -q --register=no --keep-unit --machine="probe-$$" --volatile=yes -D / --as-pid2 /bin/true >/dev/null 2>&1 ||
    cannot "systemd-nspawn cannot start a container"
}

probe_has_room() {
  local memory disk dir=$CACHE
  until [ -d "$dir" ]; do dir=$(dirname "$dir"); done
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  disk=$(df -Pm "$dir" | awk 'NR == 2 {print $4}')
  [ "$memory" -ge 3000 ] || { cannot "only $memory MiB of memory available, it takes 3000"; return 1; }
  [ "$disk" -ge 12000 ] || cannot "only $disk MiB of disk left below $dir, it takes 12000"
}
