# shellcheck shell=bash
# One node: a systemd-nspawn container with its own systemd, apt, sshd and containerd.
#
#   $LAB/nodes/NODE/layer, work     what the node wrote over the base, and overlayfs' own folder
#   $LAB/nodes/NODE/root            both together, mounted: also a way to read a node's files from outside
#   $LAB/nodes/NODE/{containerd,kubelet,etcd}   bound into the node: an overlay cannot lie on an overlay
#   $LAB/nodes/NODE/pid, console.log

node_dir() { echo "$LAB/nodes/$1"; }

# Prints the pid of the node's systemd-nspawn if it runs. A pid may be used again, so its command line is asked too.
node_pid() { # NODE
  local pid
  pid=$(cat "$(node_dir "$1")/pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -F -- "systemd-nspawn -q -D $(node_dir "$1")/root " >/dev/null || return 1
  echo "$pid"
}

boot_node() { # NODE BASE
  local node=$1
  node_pid "$node" >/dev/null && return
  say "booting $node"
  mount_node "$node" "$2"
  furnish_node "$node"
  spawn_node "$node"
}

mount_node() { # NODE BASE
  local dir
  dir=$(node_dir "$1")
  mkdir -p "$dir"/{layer,work,root,containerd,kubelet,etcd}
  mountpoint -q "$dir/root" && return
  mount -t overlay overlay -o "lowerdir=$2,upperdir=$dir/layer,workdir=$dir/work" "$dir/root"
}

# Writes what makes the node this one and no other. What kup or an upgrade may change later is written only once.
furnish_node() { # NODE
  local node=$1 root
  root=$(node_dir "$node")/root
  echo "$node" >"$root/etc/hostname"
  write_hosts >"$root/etc/hosts"
  printf 'IP=%s\nGATEWAY=%s.1\n' "$(node_ip "$node")" "$NET" >"$root/etc/lab-net"
  install -m755 "$HERE/node/lab-net" "$root/usr/local/sbin/lab-net"
  install -m644 "$HERE/node/lab-net.service" "$root/etc/systemd/system/lab-net.service"
  mkdir -p "$root"/etc/systemd/system/multi-user.target.wants "$root"/etc/{containerd,cni/net.d} "$root"/opt/cni "$root"/srv/{apt,images}
  ln -sfn ../lab-net.service "$root/etc/systemd/system/multi-user.target.wants/lab-net.service"
  install -m755 "$CACHE/bin/crictl" "$root/usr/local/bin/crictl"
  ln -sfn /usr/lib/cni "$root/opt/cni/bin"
  install -Dm600 "$LAB/id.pub" "$root/root/.ssh/authorized_keys"
  chmod 700 "$root/root/.ssh"
  [ -e "$root/etc/lab-furnished" ] && return
  # kup knows a machine by its machine-id and its host key: nothing may make two nodes share one.
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  rm -f "$root"/etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C "root@$node" -f "$root/etc/ssh/ssh_host_ed25519_key"
  install -m644 "$HERE/node/containerd.toml" "$root/etc/containerd/config.toml"
  write_cni "$node" >"$root/etc/cni/net.d/10-lab.conflist"
  echo "deb [trusted=yes] file:/srv/apt/v$(minor "$FROM")/deb/ /" >"$root/etc/apt/sources.list.d/kubernetes.list"
  touch "$root/etc/lab-furnished"
}

write_hosts() {
  local node
  echo 127.0.0.1 localhost
  for node in $(every_node_name); do echo "$(node_ip "$node") $node"; done
}

write_cni() { # NODE
  local ip
  ip=$(node_ip "$1")
  cat <<T
{"cniVersion": "0.4.0", "name": "lab", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "ipam": {"type": "host-local",
    "ranges": [[{"subnet": "$POD_NET.${ip##*.}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
T
}

spawn_node() { # NODE
  local node=$1 dir
  dir=$(node_dir "$node")
  ip link del "vb-$node" 2>/dev/null || true # left over by a killed node, it would make this boot fail
  # A session of its own, so that Ctrl-C here does not reach the node; not the lab's lock, which it would hold for ever.
  setsid "$HERE/node/enter-cgroups" "$node" \
    systemd-nspawn -q -D "$dir/root" --machine="$node" --register=no --keep-unit --network-bridge="$BRIDGE" \
    --capability=all --system-call-filter='@keyring bpf @module @mount' \
    --bind="$dir/containerd:/var/lib/containerd" --bind="$dir/kubelet:/var/lib/kubelet" --bind="$dir/etcd:/var/lib/etcd" \
    --bind-ro="$CACHE/apt:/srv/apt" --bind-ro="$CACHE/images:/srv/images" --boot \
    >>"$dir/console.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
}

# Waits until the node lets us in.
await_node() { # NODE
  wait_until 120 try_ssh "$1" || die "$1 does not answer on SSH, read $(node_dir "$1")/console.log"
}

try_ssh() { node_pid "$1" && ssh_command "$1" true; }

node_ssh() { # NODE COMMAND...
  check_node_name "$1"
  ssh_command "$@"
}

ssh_command() { # NODE COMMAND...
  local node=$1
  shift
  ssh -F none -q -i "$LAB/id" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 \
    -o UserKnownHostsFile="$LAB/out/known_hosts" -o StrictHostKeyChecking=yes "root@$(node_ip "$node")" "$@"
}

# Trusts exactly the keys that were made for the nodes, by address and by name.
write_known_hosts() { # NODE...
  local node
  for node in "$@"; do
    echo "$(node_ip "$node"),$node $(cut -d' ' -f1,2 "$(node_dir "$node")/root/etc/ssh/ssh_host_ed25519_key.pub")"
  done >"$LAB/out/known_hosts.new"
  mv "$LAB/out/known_hosts.new" "$LAB/out/known_hosts"
}

# Stops a node dead: killing systemd-nspawn kills all its processes at once. The machine's page cache survives, so this
# proves nothing about what a node had synced to its disk.
kill_node() { # NODE
  local pid
  check_node_name "$1"
  if pid=$(node_pid "$1"); then
    kill -9 "$pid" 2>/dev/null || true
    wait_until 20 is_gone "$1" || die "$1 does not die, see pid $pid"
  fi
  kill_cgroup "$1"
  ip link del "vb-$1" 2>/dev/null || true
}

is_gone() { ! node_pid "$1"; }

# Ends whatever survived in the node's cgroup. A process that left its namespaces is still in there.
kill_cgroup() { # NODE
  local dir=/sys/fs/cgroup/pids/kup-lab/$1 try
  [ -d "$dir" ] || return 0
  for try in $(seq 40); do
    find "$dir" -name cgroup.procs -exec cat {} + 2>/dev/null | grep . >/dev/null || return 0
    find "$dir" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    sleep .25
  done
  die "processes of $1 survive SIGKILL ($try times), see $dir"
}

reboot_node() { # NODE
  check_node_name "$1"
  [ -d "$(node_dir "$1")" ] || die "$1 is not part of this lab"
  load_cluster
  boot_node "$1" "$BASE"
  await_node "$1"
}
