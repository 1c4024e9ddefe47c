# shellcheck shell=bash
# A picture of what an upgrade changes on a node, as stable text: the same state gives the same lines. A rollback must
# bring back the picture from before.

snapshot() { # NODE
  check_node_name "$1"
  ssh_command "$1" bash -s <"$HERE/node/snapshot"
  echo "unschedulable: $(kubectl_on_cp1 get node "$1" -o "jsonpath='{.spec.unschedulable}'")"
}
