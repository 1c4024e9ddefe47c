# shellcheck shell=bash
# The cluster: boots the nodes, installs kubeadm from their repository, initialises and joins.
# Every step looks first whether it is done, so that `up` after a failure goes on where it stopped.
# $LAB/cluster records the shape a lab was started with; $LAB/nodes/NODE/joined that a node is in the cluster.

up() { # CONTROL_PLANES WORKERS
  check_shape "$1" "$2"
  prepare
  trap interrupted INT TERM HUP
  claim_shape "$1" "$2"
  mapfile -t NODES < <(cluster_nodes)
  make_keys
  make_bridge
  [ "$N_CPS" = 1 ] || balance
  boot_all
  start_etcd
  run_on_all install_kubernetes
  initialise
  join_all
  logged ready await_ready
  trap - INT TERM HUP
  say "up: $N_CPS control planes, $N_WORKERS workers at $FROM, etcd on $(place_of_etcd), kubeconfig $LAB/out/admin.conf"
}

JOBS=() # what runs side by side at the moment

check_shape() {
  [[ $1 =~ ^[0-9]+$ && $1 -ge 1 && $1 -le $N_CONTROL_PLANES_MAX ]] || die "control planes: 1 to $N_CONTROL_PLANES_MAX, not $1"
  [[ $2 =~ ^[0-9]+$ && $2 -le $N_WORKERS_MAX ]] || die "workers: 0 to $N_WORKERS_MAX, not $2"
  [[ $ETCD_NODES =~ ^[0-9]+$ && $ETCD_NODES -le $N_ETCD_NODES_MAX ]] || die "ETCD_NODES: 0 to $N_ETCD_NODES_MAX, not $ETCD_NODES"
}

place_of_etcd() { if [ "$N_ETCD_NODES" = 0 ]; then echo 'the control planes'; else etcd_nodes | xargs; fi; }

# An `up` that made the cluster and is interrupted takes it down again; one that only went on leaves it as it was.
interrupted() {
  trap - INT TERM HUP
  kill ${JOBS[@]+"${JOBS[@]}"} 2>/dev/null || true
  if [ "$STARTED_HERE" = yes ]; then
    say "interrupted, taking everything down again"
    down
  else
    say "interrupted; run \`lab up\` again, or \`lab down\`"
  fi
  exit 130
}

claim_shape() { # CONTROL_PLANES WORKERS
  local wanted
  wanted=$(printf "N_CPS=%s\nN_WORKERS=%s\nN_ETCD_NODES=%s\nFROM=%s\nVERSIONS='%s'" "$1" "$2" "$ETCD_NODES" "$FROM" "$(versions | xargs)")
  STARTED_HERE=no
  mkdir -p "$LAB/nodes" "$LAB/out"
  if [ ! -e "$LAB/cluster" ]; then
    STARTED_HERE=yes
    printf '%s\nBASE=%s\n' "$wanted" "$(base_dir)" >"$LAB/cluster"
  fi
  grep -v '^BASE=' "$LAB/cluster" | diff -q - <(echo "$wanted") >/dev/null ||
    die "this lab was started as: $(tr '\n' ' ' <"$LAB/cluster"); run \`lab down\` first"
  load_cluster
}

load_cluster() {
  [ -e "$LAB/cluster" ] || die "no cluster at $LAB, run \`lab up\`"
  # shellcheck disable=SC1091
  . "$LAB/cluster"
}

cluster_nodes() {
  local i
  for i in $(seq "$N_CPS"); do echo "cp$i"; done
  for i in $(seq "$N_WORKERS"); do echo "w$i"; done
}

make_keys() {
  [ -e "$LAB/id" ] || ssh-keygen -q -t ed25519 -N '' -C kup-lab -f "$LAB/id"
}

# The bridge's alias names the lab it belongs to: two labs on one machine would share addresses.
make_bridge() {
  local owner
  if owner=$(bridge_owner); then
    [ "$owner" = "$LAB" ] || die "another lab is up: LAB=$owner $HERE/lab down"
    return
  fi
  ip link add "$BRIDGE" type bridge
  ip link set "$BRIDGE" alias "$LAB"
  ip addr add "$NET.1/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

bridge_owner() {
  [ -e "/sys/class/net/$BRIDGE" ] && cat "/sys/class/net/$BRIDGE/ifalias"
}

# A TCP load balancer on the bridge in front of the API servers. With one control plane its own address is the endpoint.
balance() {
  haproxy_pid >/dev/null && return
  write_haproxy >"$LAB/haproxy.cfg"
  logged haproxy haproxy -D -p "$LAB/haproxy.pid" -f "$LAB/haproxy.cfg"
}

haproxy_pid() {
  local pid
  pid=$(cat "$LAB/haproxy.pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -F -- "-f $LAB/haproxy.cfg" >/dev/null || return 1
  echo "$pid"
}

write_haproxy() {
  local i
  cat <<T
global
  maxconn 500
defaults
  mode tcp
  timeout connect 2s
  timeout client 10m
  timeout server 10m
frontend api
  bind $NET.1:6443
  default_backend control-planes
backend control-planes
  option httpchk GET /readyz
  balance roundrobin
T
  for i in $(seq "$N_CPS"); do
    echo "  server cp$i $(node_ip "cp$i"):6443 check check-ssl verify none inter 1s fall 2 rise 1"
  done
}

boot_all() {
  local node all
  mapfile -t all < <(printf '%s\n' "${NODES[@]}"; etcd_nodes)
  for node in "${all[@]}"; do boot_node "$node" "$BASE"; done
  write_known_hosts "${all[@]}"
  for node in "${all[@]}"; do await_node "$node"; done
}

# The nodes do this side by side; each has a log of its own.
run_on_all() { # FUNCTION
  local node
  for node in "${NODES[@]}"; do
    logged "$1-$node" "$1" "$node" &
    JOBS+=($!)
  done
  await_jobs
}

await_jobs() {
  local job failed=0
  for job in ${JOBS[@]+"${JOBS[@]}"}; do wait "$job" || failed=1; done
  JOBS=()
  [ "$failed" = 0 ] || exit 1
}

install_kubernetes() { # NODE
  local all
  mapfile -t all < <(versions)
  ssh_command "$1" bash -s -- "$FROM" "${all[@]}" <"$HERE/node/install-kubernetes"
}

initialise() {
  joined cp1 && return
  say "kubeadm init"
  logged init init_cluster
  mark_joined cp1
}

joined() { [ -e "$(node_dir "$1")/joined" ]; }
mark_joined() { touch "$(node_dir "$1")/joined"; }

init_cluster() {
  reset_node cp1
  give_etcd_to_cp1
  write_init_config >"$(node_dir cp1)/root/root/init.yaml"
  ssh_command cp1 kubeadm init --config /root/init.yaml --upload-certs --ignore-preflight-errors=all
  ssh_command cp1 cat /etc/kubernetes/admin.conf >"$LAB/out/admin.conf.new"
  chmod 600 "$LAB/out/admin.conf.new"
  mv "$LAB/out/admin.conf.new" "$LAB/out/admin.conf"
}

# Clears what a failed init or join left.
reset_node() { # NODE
  [ -e "$(node_dir "$1")/root/etc/kubernetes/kubelet.conf" ] || [ -e "$(node_dir "$1")/root/etc/kubernetes/pki/ca.crt" ] || return 0
  ssh_command "$1" kubeadm reset --force
}

# With kubelets of this age a passed startup probe shows only at the next full sync, by default a minute and more later;
# everything that waits for ready pods would mostly wait for that. A node's disk is the machine's: when that is rather full, a
# kubelet would delete images that no registry has, and evict pods.
write_init_config() {
  local endpoint=$NET.1
  [ "$N_CPS" != 1 ] || endpoint=$(node_ip cp1)
  cat <<T
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $(node_ip cp1)}
nodeRegistration: {criSocket: /run/containerd/containerd.sock}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: $FROM
controlPlaneEndpoint: "$endpoint:6443"
$(write_external_etcd)
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
failSwapOn: false
syncFrequency: 10s
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi}
T
}

# Control planes one after another, because etcd takes one new member at a time; the workers then side by side.
join_all() {
  local node workers=()
  for node in "${NODES[@]}"; do
    joined "$node" && continue
    case $node in
      cp*) say "joining $node"; logged "join-$node" join_node "$node" --control-plane; mark_joined "$node" ;;
      w*) workers+=("$node") ;;
    esac
  done
  for node in ${workers[@]+"${workers[@]}"}; do
    say "joining $node"
    (logged "join-$node" join_node "$node"; mark_joined "$node") &
    JOBS+=($!)
  done
  await_jobs
}

join_node() { # NODE [--control-plane]
  local command key=()
  reset_node "$1"
  command=$(ssh_command cp1 kubeadm token create --print-join-command 2>/dev/null)
  [ "${2:-}" != --control-plane ] ||
    key=(--control-plane --certificate-key "$(ssh_command cp1 kubeadm init phase upload-certs --upload-certs 2>/dev/null | tail -n 1)")
  ssh_command "$1" "$command" ${key[@]+"${key[@]}"} --ignore-preflight-errors=all
}

kubectl_on_cp1() { ssh_command cp1 kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

await_ready() {
  kubectl_on_cp1 wait --for=condition=Ready nodes --all --timeout=240s
  kubectl_on_cp1 wait --for=condition=Ready pods --all --namespace kube-system --timeout=240s
}
