# shellcheck shell=bash
# The documented procedure in pieces, as an operator would type it without kup. `on NODE COMMAND` and `kubectl` are the caller's.

SKIP=--ignore-preflight-errors=SystemVerification # its kernel checks do not fit the lab's nodes

install_held() { # NODE PACKAGE=VERSION...
  local node=$1
  shift
  on "$node" "export DEBIAN_FRONTEND=noninteractive; apt-mark unhold ${*%%=*} >/dev/null && apt-get install -y -qq $* >/dev/null && apt-mark hold ${*%%=*} >/dev/null"
}

install_kubeadm() { # NODE VERSION
  local minor
  minor=$(echo "$2" | cut -d. -f1,2)
  on "$1" "sed -i -E 's#/v1\.[0-9]+/#/$minor/#' /etc/apt/sources.list.d/kubernetes.list && apt-get update -qq"
  install_held "$1" "kubeadm=${2#v}-1.1"
}

apply_kubeadm() { on "$1" "kubeadm upgrade apply $2 -y $SKIP"; } # NODE VERSION

run_kubeadm_node() { on "$1" "kubeadm upgrade node $SKIP"; } # NODE

upgrade_kubelet() { # NODE VERSION
  kubectl drain "$1" --ignore-daemonsets --delete-local-data --force
  install_held "$1" "kubelet=${2#v}-1.1" "kubectl=${2#v}-1.1"
  on "$1" "systemctl daemon-reload && systemctl restart kubelet"
  await_kubelet "$1" "$2"
  kubectl uncordon "$1"
}

# The node is in service again when its new kubelet says so.
await_kubelet() { # NODE VERSION
  local state="'{.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type==\"Ready\")].status}'"
  for _ in $(seq 120); do
    [ "$(kubectl get node "$1" -o "jsonpath=$state" 2>/dev/null)" = "$2 True" ] && return
    sleep 1
  done
  echo "the kubelet of $1 is not Ready at $2" >&2
  exit 1
}
