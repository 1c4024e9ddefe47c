# shellcheck shell=bash
# Takes everything away again. It works from what it finds, not from what `up` recorded, so it may run when the lab is half
# up, is down, or was killed. The cache and $LAB/log stay.

down() {
  local node owner
  owner=$(bridge_owner || true)
  if [ -n "$owner" ] && [ "$owner" != "$LAB" ]; then
    say "the lab that is up belongs to another: LAB=$owner $HERE/lab down"
    return
  fi
  mend_all
  for node in $(every_node_name); do
    kill_node "$node"
    remove_cgroups "$node"
    remove_files "$node"
  done
  remove_cgroups ''
  remove_balancer
  ip link del "$BRIDGE" 2>/dev/null || true
  rm -rf "$LAB/cluster" "$LAB/etcd-pki" "$LAB/out" "$LAB/id" "$LAB/id.pub" "$LAB/nodes"
  say "down"
}

remove_cgroups() { # NODE, or nothing for the parent of all
  local dir
  for dir in /sys/fs/cgroup/*/kup-lab/"$1"; do
    [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

remove_files() { # NODE
  local dir mount
  dir=$(node_dir "$1")
  [ -d "$dir" ] || return 0
  while read -r mount; do umount -l "$mount"; done < <(mounts_below "$dir")
  # Better to fail than to delete through a mount.
  [ -z "$(mounts_below "$dir")" ] || die "cannot unmount $(mounts_below "$dir")"
  rm -rf --one-file-system "$dir"
}

mounts_below() { awk -v below="$1/" 'index($5, below) == 1 {print $5}' /proc/self/mountinfo | sort -r; }

remove_balancer() {
  local pid
  if pid=$(haproxy_pid); then kill "$pid" 2>/dev/null || true; fi
  rm -f "$LAB/haproxy.pid" "$LAB/haproxy.cfg"
}
