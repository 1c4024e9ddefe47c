# packages: versions, state and holds of kubeadm, kubelet, kubectl, and the Kubernetes repository. Changes nothing.
# Prints one `key=value` a line:
#   version:kubeadm=1.19.16-1.1          (empty when not installed; the same for kubelet, kubectl)
#   state:kubeadm=ok|broken              (broken: dpkg status is not `installed`)
#   hold:kubeadm=yes|no
#   audit=<first line of dpkg --audit, empty when clean>
#   repository=/etc/apt/sources.list.d/kubernetes.list   (each file that names a Kubernetes repository, one line each)
#   minor:<that file>=v1.19              (the minor in its URL; empty where there is none)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
command -v dpkg-query >/dev/null 2>&1 || { echo 'kup: this node has no dpkg; only apt is supported' >&2; exit 69; }

# --- the Kubernetes repository (the same text in packages, offers and repository)
# Lines in use that name a Kubernetes repository; CRI-O's also carry a minor, and are not ours.
in_use='^[[:space:]]*(deb[[:space:]]|URIs:|[a-z+]+:/)'
kubernetes='kubernetes|k8s'
not_ours='cri-?o:|/cri-?o/|helm'

# A line is ours when it, or the name of its file, says so: a /v1.NN/ alone may be anybody's.
ours() { if printf '%s\n' "$1" | grep -qE "$kubernetes"; then echo .; else echo "$kubernetes"; fi; }

repository_lines() { grep -E "$in_use" "$1" 2>/dev/null | grep -E "$(ours "$1")" | grep -Ev "$not_ours" || true; }

repository_files() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        if [ -n "$(repository_lines "$file")" ]; then printf '%s\n' "$file"; fi
    done
}

repository_minor() { repository_lines "$1" | sed -En 's#.*/(v1\.[0-9]+)/.*#\1#p' | head -n 1; }

# Prints the file with the minor in those lines replaced.
with_minor() { sed -E "\\~$in_use~{ \\~$(ours "$1")~{ \\~$not_ours~!s#/v1\\.[0-9]+/#/$2/#g; }; }" "$1"; }
# ---

held=$(apt-mark showhold)
for package in kubeadm kubelet kubectl; do
    fields=$(dpkg-query -W -f='${db:Status-Status} ${Version}' "$package" 2>/dev/null || echo 'not-installed ')
    version=${fields#* }
    state=broken
    case ${fields%% *} in
        installed) state=ok ;;
        not-installed | config-files) state=ok version= ;;
        *) ;;
    esac
    hold=no
    if printf '%s\n' "$held" | grep -qxE "$package(:[a-z0-9]+)?"; then hold=yes; fi
    printf 'version:%s=%s\nstate:%s=%s\nhold:%s=%s\n' "$package" "$version" "$package" "$state" "$package" "$hold"
done
printf 'audit=%s\n' "$(dpkg --audit 2>&1 | head -n 1)"
repository_files | while IFS= read -r file; do
    printf 'repository=%s\nminor:%s=%s\n' "$file" "$file" "$(repository_minor "$file")"
done
