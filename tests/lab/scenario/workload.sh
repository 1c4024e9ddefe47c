# shellcheck shell=bash
# A workload, and objects written at moments of an upgrade, so that it can be seen afterwards what a rollback has left of them.

control_planes() { printf '%s\n' "${NODES[@]}" | grep '^cp'; }

workload() {
  kubectl apply -f - <"$SCENARIO/objects/workload.yaml" >/dev/null
  for what in deployment/workload-deployment daemonset/workload-daemon-set statefulset/workload-stateful-set; do
    kubectl rollout status "$what" --timeout=180s >/dev/null
  done
}

workload_runs() {
  local what
  for what in deployment/workload-deployment daemonset/workload-daemon-set statefulset/workload-stateful-set; do
    kubectl rollout status "$what" --timeout=180s >/dev/null || return 1
  done
}

write_map() { kubectl create configmap "written-$1" --from-literal=when="$1" >/dev/null; } # WHEN
has_map() { kubectl get configmap "written-$1" -o name >/dev/null 2>&1; }                # WHEN

# kubeadm-config without what every writing changes.
kubeadm_config() { kubectl get configmap kubeadm-config -n kube-system -o "jsonpath='{.data}'"; }

write_during() {
  while kup_runs && ! is_completed kubelet-restart.cp1; do sleep .3; done
  write_map during || true
}

api_answers() { kubectl get --raw /readyz >/dev/null 2>&1; }

stop_api_servers() {
  local node
  for node in $(control_planes); do on "$node" mv "/etc/kubernetes/manifests/kube-apiserver.yaml" /root/; done
  wait_for 120 eval '! api_answers'
}

n_events() { events | wc -l; }
