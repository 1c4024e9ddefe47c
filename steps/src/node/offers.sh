# offers: which versions of kubeadm, kubelet, kubectl a minor's repository has. Changes nothing on the node: uses throw-away
# copies of apt's lists and sources. Args: $1 minor (v1.20), $2 version (1.20.2)
# Prints: offer:kubeadm=1.20.2-1.1     (the newest package version whose upstream part is exactly $2; empty where there is none)
#         repository=<file it was read through>
