# shellcheck shell=bash
# Clusters in the middle of an upgrade by hand: somebody began with kubeadm and was interrupted, and kup knows nothing of it.
#
#   controller-manager   `kubeadm upgrade apply` killed between its two renames of kube-controller-manager.yaml; kube-apiserver is new
#   apiserver            the same with kube-apiserver.yaml; with one control plane there is no API server then
#   config               `kubeadm upgrade apply` killed when it had stored kubeadm-config, before the kubelets' ConfigMap
#   first                `kubeadm upgrade apply` done, nothing else; the other control planes are old
#   kubelets             kubeadm's work done on every node, no kubelet replaced
STATES=(controller-manager apiserver config first kubelets)

# shellcheck source=../lib/by-hand.sh
. "$SCENARIO/../lib/by-hand.sh"

is_state() { printf '%s\n' "${STATES[@]}" | grep -x -- "$1" >/dev/null; }

# Brings the fresh cluster into STATE, and asserts that this is what it is in.
interrupt() { # STATE
  say "by hand on cp1: kubeadm $TO"
  install_kubeadm cp1 "$TO"
  case $1 in
    controller-manager | apiserver) cut_between_renames "kube-$1" ;;
    config) cut_after_config ;;
    first) apply_kubeadm cp1 "$TO" >"$NOTES/by-hand.out" 2>&1 ;;
    kubelets) run_kubeadm_everywhere ;;
  esac
  kubectl get --raw /readyz >/dev/null 2>&1 || return 0
  say "waiting until what is left of the control plane is Ready"
  wait_for 180 control_plane_is_ready || kubectl get pods -n kube-system -l tier=control-plane
}

cut_between_renames() { # COMPONENT
  local status=0 manifest
  manifest=$(on_node cp1 "/etc/kubernetes/manifests/$1.yaml")
  echo "$1" | lab ssh cp1 'cat >/etc/kup-lab-cuts'
  stand_in cp1 kubeadm cut-kubeadm
  on cp1 /usr/local/bin/kubeadm upgrade apply "$TO" -y "$SKIP" >"$NOTES/by-hand.out" 2>&1 || status=$?
  stand_aside cp1 kubeadm
  lab ssh cp1 rm /etc/kup-lab-cuts
  check "kubeadm was killed" is "$status" 137
  check "$1.yaml is away" test ! -e "$manifest"
  check "the kubelet has stopped $1" wait_for 60 has_no_process cp1 "$1"
  check "kubeadm's backup of it is there" is "$(find "$(on_node cp1 /etc/kubernetes/tmp)" -path '*backup-manifests*' -name "$1.yaml" | wc -l)" 1
}

cut_after_config() {
  local status=0
  on cp1 bash -s -- "'[kubelet] Creating a ConfigMap'" upgrade apply "$TO" -y "$SKIP" <"$SCENARIO/../node/cut-kubeadm-at" >"$NOTES/by-hand.out" 2>&1 || status=$?
  check "kubeadm was killed" is "$status" 137
  check "kubeadm-config is at $TO" is "$(configured_version)" "$TO"
  check "the kubelets' ConfigMap of $TO is not there" is "$(kubelet_config_maps)" "kubelet-config-${FROM_MINOR#v}"
}

run_kubeadm_everywhere() {
  local node
  apply_kubeadm cp1 "$TO" >"$NOTES/by-hand.out" 2>&1
  for node in "${NODES[@]}"; do
    [ "$node" != cp1 ] || continue
    say "by hand on $node: kubeadm $TO"
    install_kubeadm "$node" "$TO"
    run_kubeadm_node "$node" >>"$NOTES/by-hand.out" 2>&1
  done
  check "kubeadm-config is at $TO" is "$(configured_version)" "$TO"
  check "every kubelet is at $FROM" is "$(kubelet_versions)" "$FROM"
}

FROM_MINOR=$(echo "$FROM" | cut -d. -f1,2)

kubelet_config_maps() { kubectl get configmaps -n kube-system -o name | sed -n 's#^configmap/\(kubelet-config-.*\)#\1#p' | xargs; }

kubelet_versions() { kubectl get nodes -o "jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'" | tr ' ' '\n' | sort -u | xargs; }

has_process() { lab ssh "$1" pgrep -f "'^$2 '" >/dev/null; } # NODE PROGRAM
has_no_process() { ! has_process "$@"; }
