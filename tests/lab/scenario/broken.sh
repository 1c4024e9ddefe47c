# shellcheck shell=bash
# What can stand in the way of an upgrade, on a real cluster of cp1 and w1: make_NAME brings it about, mend_NAME is the remedy as an operator
# would type it. Each leaves the cluster as it found it.

ready_is() { [ "$(node_field "$1" '{.status.conditions[?(@.type=="Ready")].status}')" = "$2" ]; } # NODE True|False|Unknown

await() { wait_for 120 "$@" || { echo "      after 120 s not true: $*"; return 1; }; }

# Nodes ----------------------------------------------------------------------------------------------------------------

make_kubelet_stopped() { on w1 systemctl stop kubelet; await ready_is w1 Unknown; }
mend_kubelet_stopped() { on w1 systemctl start kubelet; await ready_is w1 True; }

make_cordoned() { kubectl cordon w1; }
mend_cordoned() { kubectl uncordon w1; }

make_disk_full() { on w1 mount -t tmpfs -o size=16m tmpfs /var/cache/apt; }
mend_disk_full() { on w1 umount /var/cache/apt; }

# The nodes share the machine's kernel and its swap; the file lies on the machine's disk.
make_swap_on() {
  dd if=/dev/zero of="$NOTES/swap" bs=1M count=32 status=none
  chmod 600 "$NOTES/swap"
  mkswap "$NOTES/swap" >/dev/null
  swapon "$NOTES/swap"
}
mend_swap_on() { swapoff "$NOTES/swap"; rm "$NOTES/swap"; }

# Packages -------------------------------------------------------------------------------------------------------------

make_dpkg_interrupted() {
  on w1 bash -s <<'T'
set -e
rm -rf /root/broken && mkdir -p /root/broken/DEBIAN
printf '%s\n' 'Package: lab-broken' 'Version: 1' 'Architecture: all' 'Maintainer: lab <lab@localhost>' 'Description: half installed' >/root/broken/DEBIAN/control
dpkg-deb -b /root/broken /root/broken.deb >/dev/null
dpkg --unpack /root/broken.deb >/dev/null
T
}
mend_dpkg_interrupted() { on w1 "dpkg --configure -a >/dev/null"; }

# A mirror of which w1 alone is a client, and which has not yet what the others' has.
make_not_offered() {
  on w1 bash -s <<'T'
set -e
mkdir -p /srv/mirror/v1.19 /srv/mirror/v1.20/deb /srv/mirror/v1.21/deb
ln -sfn /srv/apt/v1.19/deb /srv/mirror/v1.19/deb
for minor in v1.20 v1.21; do (cd /srv/mirror/$minor/deb && : >Packages); done
sed -i 's#/srv/apt/#/srv/mirror/#' /etc/apt/sources.list.d/kubernetes.list
T
}
mend_not_offered() { on w1 "sed -i 's#/srv/mirror/#/srv/apt/#' /etc/apt/sources.list.d/kubernetes.list"; }

make_unattended_upgrades() {
  on w1 bash -s <<'T'
set -e
printf '%s\n' 'APT::Periodic::Update-Package-Lists "1";' 'APT::Periodic::Unattended-Upgrade "1";' >/etc/apt/apt.conf.d/20auto-upgrades
printf '#!/bin/sh\n' >/usr/bin/unattended-upgrade && chmod 755 /usr/bin/unattended-upgrade
systemctl start apt-daily-upgrade.timer
T
}
mend_unattended_upgrades() {
  on w1 "systemctl stop apt-daily-upgrade.timer; rm -f /etc/apt/apt.conf.d/20auto-upgrades /usr/bin/unattended-upgrade"
}

make_held_no_more() { on w1 "apt-mark unhold kubelet >/dev/null"; }
mend_held_no_more() { on w1 "apt-mark hold kubelet >/dev/null"; }

# Only the name of a process is looked at: no kubeadm of anybody changes something here.
make_kubeadm_running() { on cp1 "cp /bin/sleep /root/kubeadm && systemd-run --quiet --unit lab-kubeadm /root/kubeadm 600"; }
mend_kubeadm_running() { on cp1 "systemctl stop lab-kubeadm; rm /root/kubeadm"; }

# There is no registry: what is not on the node cannot be pulled.
make_image_missing() { on cp1 "ctr -n k8s.io images rm k8s.gcr.io/kube-scheduler:$TO >/dev/null; ctr -n k8s.io images ls -q | grep '^sha256' >/root/left || true"; }
mend_image_missing() { on cp1 "ctr -n k8s.io images import /srv/images/$TO-control-plane.tar >/dev/null"; }

# The control plane ----------------------------------------------------------------------------------------------------

# The pair keeps its key; the API server reads the new certificate by itself.
make_certificate_soon() { reissue apiserver '-1 day' '+5 days'; }
mend_certificate_soon() { renew apiserver; }

make_certificate_expired() { reissue front-proxy-client '-9 days' '-1 day'; }
mend_certificate_expired() { renew front-proxy-client; }

reissue() { # NAME START END, as `date` understands them
  on cp1 sh -s -- "$1" "$(date -u -d "$2" +%Y%m%d%H%M%SZ)" "$(date -u -d "$3" +%Y%m%d%H%M%SZ)" <"$SCENARIO/../node/reissue"
}

renew() { on cp1 "kubeadm alpha certs renew $1 >/dev/null 2>&1 || kubeadm certs renew $1 >/dev/null"; } # NAME

make_stray_manifest() { on cp1 "cp /etc/kubernetes/manifests/kube-scheduler.yaml /etc/kubernetes/manifests/kube-scheduler.yaml.bak"; }
mend_stray_manifest() { on cp1 rm /etc/kubernetes/manifests/kube-scheduler.yaml.bak; await control_plane_is_ready; }

make_hand_edit() { edit_manifest kube-scheduler --v=3; await scheduler_has_edit; await control_plane_is_ready; }
mend_hand_edit() { put_back_manifest kube-scheduler; await scheduler_has_no_edit; await control_plane_is_ready; }

scheduler_has_edit() { on cp1 "pgrep -f '^kube-scheduler --v=3' >/dev/null"; }
scheduler_has_no_edit() { on cp1 "pgrep -f '^kube-scheduler ' >/dev/null && ! pgrep -f '^kube-scheduler --v=3' >/dev/null"; }

# A flag more, as its first; the kubelet does not read names that begin with a dot.
edit_manifest() { # COMPONENT FLAG
  on cp1 "cp -p /etc/kubernetes/manifests/$1.yaml /root/ && sed -i 's/^    - $1$/&\n    - $2/' /etc/kubernetes/manifests/$1.yaml"
}

put_back_manifest() { # COMPONENT
  on cp1 "cp -p /root/$1.yaml /etc/kubernetes/manifests/.$1.yaml && mv /etc/kubernetes/manifests/.$1.yaml /etc/kubernetes/manifests/$1.yaml"
}

# etcd gets a quota that its data fills, raises the alarm by itself, and is then treated as its documentation says.
make_etcd_alarm() {
  edit_manifest etcd --quota-backend-bytes=8388608
  await etcd_has_quota
  await etcd_is_healthy
  await control_plane_is_ready
  await fill_etcd
}
mend_etcd_alarm() {
  local revision
  etcdctl del /lab-filler --prefix >/dev/null
  revision=$(etcdctl endpoint status -w json | jq '.[0].Status.header.revision')
  etcdctl compact "$revision" >/dev/null
  etcdctl defrag >/dev/null
  etcdctl alarm disarm >/dev/null
  put_back_manifest etcd
  await etcd_has_no_quota
  await etcd_is_healthy
  await ready_is cp1 True
  await control_plane_is_ready
}

etcd_has_quota() { on cp1 "pgrep -f '^etcd .*quota-backend-bytes' >/dev/null"; }
etcd_has_no_quota() { on cp1 "pgrep -f '^etcd ' >/dev/null && ! pgrep -f '^etcd .*quota-backend-bytes' >/dev/null"; }
etcd_is_healthy() { etcdctl endpoint health >/dev/null 2>&1 && kubectl get --raw /readyz >/dev/null 2>&1; }
fill_etcd() {
  head -c 700000 /dev/zero | tr '\0' x | etcdctl put "/lab-filler/$RANDOM" >/dev/null 2>&1 || true
  etcdctl alarm list 2>/dev/null | grep NOSPACE >/dev/null
}

etcdctl() {
  on cp1 ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
    --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key "$@"
}

# The cluster's objects ------------------------------------------------------------------------------------------------

make_webhook() { kubectl apply -f - <"$SCENARIO/objects/webhook.yaml" >/dev/null; }
mend_webhook() { kubectl delete validatingwebhookconfiguration lab-webhook >/dev/null; }

make_kured() { kubectl apply -f - <"$SCENARIO/objects/kured.yaml" >/dev/null; }
mend_kured() { kubectl -n kube-system annotate daemonset kured "weave.works/kured-node-lock='{\"nodeID\":\"manual\"}'" >/dev/null; } # as the gate says; ssh takes one quoting away

make_budget_never() { put_app budget-never; }
mend_budget_never() { kubectl delete poddisruptionbudget budget-never >/dev/null; remove_app budget-never; }

make_budgets_two() { put_app budgets-two; }
mend_budgets_two() { kubectl delete poddisruptionbudget budgets-two-b >/dev/null; remove_app budgets-two; }

make_bare_pod() { put_app bare-pod; }
mend_bare_pod() { remove_app bare-pod; }

make_local_data() { put_app local-data; }
mend_local_data() { remove_app local-data; }

make_volume_on_node() { put_app volume-on-node; }
mend_volume_on_node() { remove_app volume-on-node; }

put_app() { # NAME
  kubectl apply -f - <"$SCENARIO/objects/$1.yaml" >/dev/null
  await kubectl wait --for=condition=Ready pods -l "app=$1" --timeout=5s >/dev/null 2>&1
}

remove_app() { # NAME
  kubectl delete -f - --ignore-not-found --wait=true <"$SCENARIO/objects/$1.yaml" >/dev/null
}
