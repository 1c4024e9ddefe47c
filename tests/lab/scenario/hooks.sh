# shellcheck shell=bash
# Hooks on the nodes by which scenarios make a moment last, or bring a fault about inside of it. Nothing of it is in kup.

# A budget that lets nothing go, so that the drain of the worker lasts until it is deleted.
block_drain() {
  kubectl apply -f - <<'T'
apiVersion: apps/v1
kind: Deployment
metadata: {name: guarded, namespace: default}
spec:
  selector: {matchLabels: {app: guarded}}
  template:
    metadata: {labels: {app: guarded}}
    spec: {containers: [{name: app, image: "lab/app:1", imagePullPolicy: Never}]}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: guarded, namespace: default}
spec: {minAvailable: 1, selector: {matchLabels: {app: guarded}}}
T
  kubectl rollout status deployment guarded --timeout=120s
  # The gate about budgets sees it, and says so.
  START_FLAGS+=(--ignore K124)
}

unblock_drain() { kubectl delete poddisruptionbudget guarded; }

# From now on the commands by which steps change the node take SECONDS longer there.
slow_down() { # NODE SECONDS
  local program
  echo "$2" | lab ssh "$1" 'cat >/etc/kup-lab-slow'
  for program in apt-get kubeadm systemctl; do stand_in "$1" "$program" slow; done
}

# Puts a program of ours in front of one of the node's: kup's scripts look into /usr/local first.
stand_in() { # NODE PROGRAM OURS
  lab ssh "$1" "cat >/usr/local/bin/$2.new && chmod 755 /usr/local/bin/$2.new && mv /usr/local/bin/$2.new /usr/local/bin/$2" <"$SCENARIO/../node/$3"
}

stand_aside() { # NODE PROGRAM
  lab ssh "$1" rm "/usr/local/bin/$2"
}

# A file of the node, seen from outside.
on_node() { echo "$LAB/nodes/$1/root$2"; } # NODE PATH
