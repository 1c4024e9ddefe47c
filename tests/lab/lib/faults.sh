# shellcheck shell=bash
# Cut SSH connections. Packets are dropped in both directions on the machine, so that a connection hangs and is not reset,
# as behind a broken switch; the API server, on another port, stays reachable.
# kill and boot, the other faults, are in node.sh.

cut_node() { # NODE [SECONDS]
  check_node_name "$1"
  [[ ${2:-0} =~ ^[0-9]+$ ]] || die "not a number of seconds: $2"
  # With a time the rules must not outlive this process, however it ends.
  # The name is expanded now: a trap runs outside this function.
  # shellcheck disable=SC2064
  [ $# -lt 2 ] || trap "mend_node '$1'" EXIT
  mend_node "$1"
  ssh_rule -I OUTPUT --destination "$(node_ip "$1")" --dport 22
  ssh_rule -I INPUT --source "$(node_ip "$1")" --sport 22
  say "cut SSH to $1"
  [ $# -lt 2 ] || sleep "$2"
}

mend_node() { # NODE
  check_node_name "$1"
  local n_mended=0
  while ssh_rule -D OUTPUT --destination "$(node_ip "$1")" --dport 22 2>/dev/null; do n_mended=1; done
  while ssh_rule -D INPUT --source "$(node_ip "$1")" --sport 22 2>/dev/null; do n_mended=1; done
  [ "$n_mended" = 0 ] || say "mended SSH to $1"
}

ssh_rule() { # -I|-D CHAIN DIRECTION ADDRESS PORT_FLAG PORT
  iptables -w "$1" "$2" "$3" "$4" --protocol tcp "$5" "$6" -m comment --comment kup-lab --jump DROP
}

mend_all() {
  local node
  command -v iptables >/dev/null || return 0
  iptables -w -S | grep 'comment kup-lab' >/dev/null || return 0
  for node in $(every_node_name); do mend_node "$node"; done
}
