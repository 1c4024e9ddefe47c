# packages: versions, state and holds of kubeadm, kubelet, kubectl, and the Kubernetes repository. Changes nothing.
# Prints one `key=value` a line:
#   version:kubeadm=1.19.16-1.1          (empty when not installed; the same for kubelet, kubectl)
#   state:kubeadm=ok|broken              (broken: dpkg status is not `installed`)
#   hold:kubeadm=yes|no
#   audit=<first line of dpkg --audit, empty when clean>
#   repository=/etc/apt/sources.list.d/kubernetes.list   (each file that names a Kubernetes repository, one line each)
#   minor:<that file>=v1.19              (the minor in its URL; empty where there is none)
