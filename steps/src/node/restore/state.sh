# restore-state: how far a restore of etcd is on this control plane. Changes nothing. Args: $1 run. Prints one `key=value` a line:
#   prepared=<SHA-256 of the snapshot that the new data were made of, empty before>
#   swapped=<the same, once they are in the place of the old data>
#   aside=<the folder with the old data, and the new ones before that>
#   manifest:<component>=yes|no           (its manifest is where the kubelet looks)
#   running:<component>=yes|no            (the node's runtime runs a container of it)
for name in prepared swapped aside; do printf '%s=%s\n' "$name" "$(noted "$name")"; done
for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    if [ -e "$live/$component.yaml" ]; then printf 'manifest:%s=yes\n' "$component"; else printf 'manifest:%s=no\n' "$component"; fi
    if [ -n "$(running "$component")" ]; then printf 'running:%s=yes\n' "$component"; else printf 'running:%s=no\n' "$component"; fi
done
