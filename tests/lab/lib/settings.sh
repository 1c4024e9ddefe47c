# shellcheck shell=bash
# What everything else needs: where things are, the names of nodes, how to say something and how to keep a log.
# shellcheck disable=SC2034  # the other parts use these

LAB=$(realpath -m "${LAB:-/tmp/kup-lab}")
CACHE=$(realpath -m "${KUP_LAB_CACHE:-/var/cache/kup-lab}")
FROM=${FROM:-v1.19.16}
TO=${TO:-v1.20.2}
OFFER=${OFFER-v1.20.2 v1.20.15 v1.21.14} # versions that nodes can be upgraded to, beside TO
ETCD_NODES=${ETCD_NODES:-0} # with 1 to 3 etcd is no static pod: it runs on nodes of its own
BRIDGE=br-kup
NET=10.77.0 # nodes and load balancer
POD_NET=10.78 # one /24 a node
N_CONTROL_PLANES_MAX=3
N_WORKERS_MAX=5
N_ETCD_NODES_MAX=3
# The nodes' systemd must use the same cgroup v1 tree as the machine, and must be able to write to /proc/sys and /sys.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=1

# With pipefail, `... | grep -q` may fail although it found something: grep leaves and the other end gets SIGPIPE.
# Hence `grep ... >/dev/null` everywhere here.

say() { echo "[lab $(date +%T)] $*" >&2; }
die() { say "error: $*"; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "this must be run as root"; }

# What the repositories offer and the nodes have images of, each once.
versions() { echo "$FROM $TO $OFFER" | xargs -n 1 | sort -uV; }

minor() { echo "$1" | sed -E 's/^v([0-9]+\.[0-9]+).*/\1/'; } # v1.20.2 -> 1.20

# One short name for the content of files: what was made from them is made again when they change.
digest() { cat "$@" | sha256sum | cut -c1-12; }

every_node_name() {
  local i
  for i in $(seq "$N_CONTROL_PLANES_MAX"); do echo "cp$i"; done
  for i in $(seq "$N_WORKERS_MAX"); do echo "w$i"; done
  for i in $(seq "$N_ETCD_NODES_MAX"); do echo "etcd$i"; done
}

check_node_name() { every_node_name | grep -xF -- "$1" >/dev/null || die "no such node: $1 ($(every_node_name | xargs))"; }

node_ip() {
  case $1 in
    cp*) echo "$NET.1${1#cp}" ;;
    w*) echo "$NET.2${1#w}" ;;
    etcd*) echo "$NET.3${1#etcd}" ;;
  esac
}

# Runs a command with its output in $LAB/log/NAME.log; a failure ends the lab and names that log.
# Never call it in a condition: bash would ignore `set -e` inside the command.
logged() { # NAME COMMAND...
  local log=$LAB/log/$1.log name=$1 status
  shift
  mkdir -p "$LAB/log"
  set +e
  (set -e; "$@") >"$log" 2>&1 </dev/null 9>&- # a daemon must not keep the lock
  status=$?
  set -e
  [ "$status" = 0 ] && return
  tail -n 15 "$log" >&2
  die "$name failed with status $status, read $log"
}

# Tries a command once a second.
wait_until() { # SECONDS COMMAND...
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$limit" ] || return 1
    sleep 1
  done
}

# One `build`, `prepare` or `up` at a time on this machine; the lock goes with the process, however it ends.
take_lock() {
  mkdir -p "$CACHE" "$LAB/log"
  exec 9>"$CACHE/lock"
  flock -n 9 || { say "waiting for another lab command"; flock 9; }
}
