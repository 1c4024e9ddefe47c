# packages: versions, state and holds of kubeadm, kubelet, kubectl, and the Kubernetes repository. Changes nothing.
# Prints one `key=value` a line:
#   version:kubeadm=1.30.4-1.1            (empty when not installed; the same for kubelet, kubectl)
#   state:kubeadm=ok|broken              (broken: an interrupted transaction has left it half there)
#   hold:kubeadm=yes|no
#   audit=<what the package manager complains of, empty when clean>
#   repository=/etc/apt/sources.list.d/kubernetes.list   (each file that names a Kubernetes repository, one line each)
#   minor:<that file>=v1.30              (the minor in its URL; empty where there is none)
for package in kubeadm kubelet kubectl; do
    state=ok hold=no
    if is_broken "$package"; then state=broken; fi
    if is_held "$package"; then hold=yes; fi
    printf 'version:%s=%s\nstate:%s=%s\nhold:%s=%s\n' "$package" "$(installed "$package")" "$package" "$state" "$package" "$hold"
done
printf 'audit=%s\n' "$(audit)"
repository_files | while IFS= read -r file; do
    printf 'repository=%s\nminor:%s=%s\n' "$file" "$file" "$(repository_minor "$file")"
done
