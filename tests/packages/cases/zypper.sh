# shellcheck shell=bash
# zypper: locks by name.
MANAGER=zypper
REPOSITORY=/etc/zypp/repos.d/kubernetes.repo

SYSTEM_CACHE=var/cache/zypp/packages/kubernetes
HOLDS=hold:kubeadm,kubelet,kubectl
FORM=rpm R=150500.1.1 L=0
old() { v "1.30.4-$R"; }
new() { v "1.31.2-$R"; }

node() { box_at "http://127.0.0.1:$PORT/v1.30/rpm/"; }

furnish() { # URL
  mkdir -p "$BOX/etc/zypp/repos.d"
  cat >"$BOX$REPOSITORY" <<END
[kubernetes]
name=Kubernetes
baseurl=$1
enabled=1
gpgcheck=0
gpgkey=$1repodata/repomd.xml.key

[cri-o]
name=CRI-O
baseurl=http://127.0.0.1:1/addons:/cri-o:/stable:/v1.30/rpm/
enabled=0
END
  here zypper -n -q addlock 'kube*' >/dev/null
}

everybody_upgrades() {
  here zypper -n -q update >/dev/null 2>&1 || true
  versions
}

# shellcheck source=tests/packages/cases/all.sh
. "$HERE/cases/all.sh"
