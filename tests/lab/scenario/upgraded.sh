# shellcheck shell=bash
# What must be true of an upgraded cluster, and of the run that upgraded it.

remember() { # PLACE
  local node
  mkdir -p "$NOTES/$1"
  for node in "${NODES[@]}"; do lab snapshot "$node" >"$NOTES/$1/$node"; done
}

holds() { grep '^hold:' "$1" || true; }

node_field() { kubectl get node "$1" -o "jsonpath='$2'"; } # NODE JSONPATH

static_pod_versions() { # NODE
  lab ssh "$1" "grep -ho 'image: .*kube-.*' /etc/kubernetes/manifests/*.yaml | sed 's/.*://' | sort -u"
}

running_versions() { # NODE: of the mirror pods, which show what really runs
  kubectl get pods -n kube-system -l tier=control-plane --field-selector "spec.nodeName=$1" \
    -o "jsonpath='{.items[*].spec.containers[*].image}'" | tr ' ' '\n' | grep kube- | sed 's/.*://' | sort -u
}

configured_version() {
  kubectl get configmap kubeadm-config -n kube-system -o "jsonpath='{.data.ClusterConfiguration}'" | awk '/^kubernetesVersion:/ {print $2}'
}

kubelet_config_of_target() {
  local name
  name=kubelet-config-$(echo "${TO#v}" | cut -d. -f1,2)
  kubectl get "configmap/$name" "role/kubeadm:$name" -n kube-system -o name | wc -l
}

check_upgraded() {
  local node
  remember after
  for node in "${NODES[@]}"; do
    check "$node is Ready" is "$(node_field "$node" '{.status.conditions[?(@.type=="Ready")].status}')" True
    check "$node is schedulable" is "$(node_field "$node" '{.spec.unschedulable}')" ''
    check "$node has a kubelet at $TO" is "$(node_field "$node" '{.status.nodeInfo.kubeletVersion}')" "$TO"
    check "$node has its holds as before" is "$(holds "$NOTES/after/$node")" "$(holds "$NOTES/before/$node")"
    check "$node keeps the attempts" is_at_least "$(attempt_files "$node" '*.intent' | wc -l)" 1
    check "$node has one outcome for each intent" every_intent_has_one_exit "$node"
    case $node in
      cp*)
        check "$node has manifests at $TO" is "$(static_pod_versions "$node")" "$TO"
        check "$node runs static pods at $TO" is "$(running_versions "$node")" "$TO" ;;
    esac
  done
  # kubeadm writes these last: where they are old, it did not come to its end.
  check "kube-proxy is at $TO" is "$(kubectl get daemonset kube-proxy -n kube-system -o "jsonpath='{..image}'" | sed 's/.*://')" "$TO"
  check "the kubelets' ConfigMap of $TO may be read by them" is "$(kubelet_config_of_target)" 2
  check "kubeadm-config is at $TO" is "$(configured_version)" "$TO"
}

# No command that had succeeded ran again.
check_nothing_twice() {
  local node package
  for node in "${NODES[@]}"; do
    for package in kubeadm kubelet kubectl; do
      check "$node configured $package once" configured_once "$node" "$package"
    done
  done
  check "no step succeeded twice" is "$(steps_succeeded_twice)" ''
}

steps_succeeded_twice() {
  events | jq -rs '[.[] | select(.type == "AttemptEnded" and (.result | tostring | test("Succeeded"))) | .step] | group_by(.) | map(select(length > 1) | .[0]) | .[]'
}
