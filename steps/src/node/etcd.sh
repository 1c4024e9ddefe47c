# etcd: its members, their health and alarms, asked through a control plane with the API server's own etcd client certificate
# (endpoints and files as kube-apiserver.yaml names them). Changes nothing.
set -eu
exit 70
