# shellcheck shell=bash
# apt: holds are marks, a repository is a line or a stanza.
MANAGER=apt
REPOSITORY=/etc/apt/sources.list.d/kubernetes.list
SYSTEM_CACHE=var/cache/apt/archives
HOLDS=hold:kubeadm,kubelet,kubectl
FORM=deb R=1.1 L=00
old() { v "1.30.4-$R"; }
new() { v "1.31.2-$R"; }

furnish() { # URL
  : >"$BOX/etc/apt/sources.list"
  cat >"$BOX$REPOSITORY" <<END
# deb http://127.0.0.1:1/kubernetes/v1.29/deb/ /
deb [trusted=yes] $1 /
deb [trusted=yes] http://127.0.0.1:1/addons:/cri-o:/stable:/v1.30/deb/ /
END
  # CRI-O's line is there to stay as it is; nothing answers at it.
  sed -i '/cri-o/s/^deb/#deb/' "$BOX$REPOSITORY"
}

hold() { here apt-mark -q hold kubeadm kubelet kubectl >/dev/null; }

node() {
  box_at "http://127.0.0.1:$PORT/v1.30/deb/"
  hold
}

everybody_upgrades() {
  here apt-get -q update >/dev/null 2>&1 || true
  here env DEBIAN_FRONTEND=noninteractive apt-get -y -q upgrade >/dev/null 2>&1 || true
  versions
}

# shellcheck source=tests/packages/cases/all.sh
. "$HERE/cases/all.sh"

# --- What only apt has.
node
mv "$BOX$REPOSITORY" "$BOX/etc/apt/sources.list.d/old.list.disabled"
cat >"$BOX/etc/apt/sources.list.d/kubernetes.sources" <<END
Types: deb
URIs: http://127.0.0.1:$PORT/v1.30/deb/
Suites: /
Trusted: yes
END
try 'a stanza is found' shows 'minor:/etc/apt/sources.list.d/kubernetes.sources=v1.30'
deed offers v1.31
try 'and asked' said "offer:v1.31:kubectl=1.31.3-$R,1.31.2-$R,1.31.1-$R"
deed repository v1.31
deed install kubeadm="1.31.2-$R"
try 'and installed from' is "$(versions)" "kubeadm=1.31.2-$R kubelet=1.30.4-$R kubectl=1.30.4-$R"

node
deed repository v1.31
mv "$WORK/web/v1.31/deb/kubelet_1.31.2-1.1_amd64.deb" "$WORK/away.deb"
deed install kubelet="1.31.2-$R" kubectl="1.31.2-$R"
try 'an installation that fails' test "$STATUS" -ne 0
try 'leaves the holds' shows hold:kubectl=yes
serve
