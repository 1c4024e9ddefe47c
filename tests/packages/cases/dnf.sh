# shellcheck shell=bash
# dnf: excludes in the .repo file, or version locks.
MANAGER=dnf
REPOSITORY=/etc/yum.repos.d/kubernetes.repo

SYSTEM_CACHE=var/cache/dnf/kubernetes-0123456789abcdef/packages
HOLDS=hold:kubeadm,kubelet,kubectl
FORM=rpm R=150500.1.1 L=0
old() { v "1.30.4-$R"; }
new() { v "1.31.2-$R"; }

node() { box_at "http://127.0.0.1:$PORT/v1.30/rpm/"; }

furnish() { # URL
  mkdir -p "$BOX/etc/yum.repos.d"
  cat >"$BOX$REPOSITORY" <<END
[kubernetes]
name=Kubernetes
baseurl=$1
enabled=1
gpgcheck=0
gpgkey=$1repodata/repomd.xml.key
exclude=kubelet kubeadm kubectl
  cri-tools kubernetes-cni

[cri-o]
name=CRI-O
baseurl=http://127.0.0.1:1/addons:/cri-o:/stable:/v1.30/rpm/
enabled=0
END
}

everybody_upgrades() {
  here dnf -y -q upgrade >/dev/null 2>&1 || true
  versions
}

# shellcheck source=tests/packages/cases/all.sh
. "$HERE/cases/all.sh"

# --- The same with version locks in place of excludes.
node
sed -i -e '/^exclude/d' -e '/^  cri-tools/d' "$BOX$REPOSITORY"
here dnf -q versionlock add kubeadm kubelet kubectl >/dev/null 2>&1
try 'a version lock is a hold' shows hold:kubeadm=yes
deed repository v1.31
try "the repository's key goes with it" grep -q 'v1.31/rpm/repodata/repomd.xml.key' "$BOX$REPOSITORY"
deed install kubeadm="1.31.2-$R"
try 'what is locked is installed' works
try 'and nothing else' is "$(versions)" "kubeadm=1.31.2-$R kubelet=1.30.4-$R kubectl=1.30.4-$R"
try 'the lock has moved with it' is "$(grep -v '^#' "$BOX/etc/dnf/plugins/versionlock.list" | grep kubeadm)" "kubeadm-0:1.31.2-$R.*"
try 'and holds for everybody else' is "$(everybody_upgrades)" "kubeadm=1.31.2-$R kubelet=1.30.4-$R kubectl=1.30.4-$R"
sed -i 's/v1\.31/v1.32/' "$BOX$REPOSITORY"
deed install kubeadm="1.32.0-$R"
try 'a refusal' fails_with 66
try 'leaves the lock as it was' is "$(grep -v '^#' "$BOX/etc/dnf/plugins/versionlock.list" | grep kubeadm)" "kubeadm-0:1.31.2-$R.*"
