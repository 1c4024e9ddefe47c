# shellcheck shell=bash
# etcd outside of the cluster, when ETCD_NODES is not 0: a systemd service on nodes of its own, with a CA of its own. kubeadm knows its
# endpoints, its CA's certificate and a client's key pair, and writes no static pod for it.
#
#   $LAB/etcd-pki      the CA, and each node's and the API servers' key pair
#   node/etcd.service  the unit; /etc/etcd.env on a node tells it what it is

etcd_nodes() { seq "$N_ETCD_NODES" | sed 's/^/etcd/'; }

etcd_urls() { etcd_nodes | while read -r node; do echo "https://$(node_ip "$node"):2379"; done; }

start_etcd() {
  local node
  [ "$N_ETCD_NODES" != 0 ] || return 0
  say "starting etcd on $(etcd_nodes | xargs)"
  make_etcd_ca
  for node in $(etcd_nodes); do logged "etcd-$node" install_etcd "$node"; done
  # None of three is up before two are: nobody waits for the first.
  for node in $(etcd_nodes); do ssh_command "$node" systemctl enable --now --no-block --quiet etcd; done
  for node in $(etcd_nodes); do
    wait_until 60 etcdctl_on "$node" endpoint health || die "etcd on $node is not healthy, read its journal"
  done
}

make_etcd_ca() {
  mkdir -p "$LAB/etcd-pki"
  [ -e "$LAB/etcd-pki/ca.crt" ] ||
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=etcd-ca -keyout "$LAB/etcd-pki/ca.key" -out "$LAB/etcd-pki/ca.crt" 2>/dev/null
}

# Each is a server and a client: members talk to each other with the same pair.
make_etcd_pair() { # NAME SUBJECT SUBJECT_ALT_NAMES
  local pair=$LAB/etcd-pki/$1
  [ ! -e "$pair.crt" ] || return 0
  openssl req -new -newkey rsa:2048 -nodes -subj "$2" -keyout "$pair.key" -out "$pair.csr" 2>/dev/null
  openssl x509 -req -in "$pair.csr" -CA "$LAB/etcd-pki/ca.crt" -CAkey "$LAB/etcd-pki/ca.key" -CAcreateserial -days 365 -out "$pair.crt" \
    -extfile <(printf '%s\n' 'extendedKeyUsage=serverAuth,clientAuth' "subjectAltName=$3") 2>/dev/null
}

install_etcd() { # NODE
  local root ip
  root=$(node_dir "$1")/root
  ip=$(node_ip "$1")
  make_etcd_pair "$1" "/CN=$1" "DNS:$1,IP:$ip,IP:127.0.0.1"
  install -Dm600 -t "$root/etc/etcd-pki" "$LAB/etcd-pki/ca.crt"
  install -Dm600 "$LAB/etcd-pki/$1.crt" "$root/etc/etcd-pki/member.crt"
  install -Dm600 "$LAB/etcd-pki/$1.key" "$root/etc/etcd-pki/member.key"
  install -m755 "${ETCD:-$CACHE/etcd/usr/bin/etcd}" "$root/usr/local/bin/etcd"
  install -m644 "$HERE/node/etcd.service" "$root/etc/systemd/system/etcd.service"
  write_etcd_environment "$1" "$ip" >"$root/etc/etcd.env"
  ssh_command "$1" systemctl daemon-reload
}

write_etcd_environment() { # NODE IP
  local cluster
  cluster=$(etcd_nodes | while read -r node; do echo "$node=https://$(node_ip "$node"):2380"; done | paste -sd,)
  cat <<T
ETCD_NAME=$1
ETCD_DATA_DIR=/var/lib/etcd
ETCD_LISTEN_CLIENT_URLS=https://$2:2379,https://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=https://$2:2379
ETCD_LISTEN_PEER_URLS=https://$2:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://$2:2380
ETCD_INITIAL_CLUSTER=$cluster
ETCD_CERT_FILE=/etc/etcd-pki/member.crt
ETCD_KEY_FILE=/etc/etcd-pki/member.key
ETCD_TRUSTED_CA_FILE=/etc/etcd-pki/ca.crt
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_CERT_FILE=/etc/etcd-pki/member.crt
ETCD_PEER_KEY_FILE=/etc/etcd-pki/member.key
ETCD_PEER_TRUSTED_CA_FILE=/etc/etcd-pki/ca.crt
ETCD_PEER_CLIENT_CERT_AUTH=true
T
}

etcdctl_on() { # NODE ARGUMENT...
  local node=$1
  shift
  ssh_command "$node" ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/etcd-pki/ca.crt \
    --cert /etc/etcd-pki/member.crt --key /etc/etcd-pki/member.key "$@"
}

# What the first control plane needs; kubeadm hands it on to the others. What a failed `kubeadm init` left in etcd would make the next fail too.
give_etcd_to_cp1() {
  local pki
  [ "$N_ETCD_NODES" != 0 ] || return 0
  pki=$(node_dir cp1)/root/etc/kubernetes/pki
  make_etcd_pair apiserver-etcd-client /O=system:masters/CN=kube-apiserver-etcd-client DNS:kube-apiserver-etcd-client
  install -Dm600 "$LAB/etcd-pki/ca.crt" "$pki/etcd/ca.crt"
  install -m600 -t "$pki" "$LAB"/etcd-pki/apiserver-etcd-client.{crt,key}
  etcdctl_on etcd1 del "''" --from-key=true
}

write_external_etcd() {
  [ "$N_ETCD_NODES" != 0 ] || return 0
  cat <<T
etcd:
  external:
    endpoints: [$(etcd_urls | paste -sd,)]
    caFile: /etc/kubernetes/pki/etcd/ca.crt
    certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt
    keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key
T
}
