# shellcheck shell=bash
# Plain programs that no package owns: from an address, from a folder, from a pattern.
MANAGER=binaries
AT="from:http://127.0.0.1:$PORT/release"
old() { v 1.30.4; }
new() { v 1.31.2; }

# Programs as dl.k8s.io has them, taken from the packages.
if [ ! -d "$WORK/web/release" ]; then
  for version in 1.30.4 1.30.5 1.31.0 1.31.1 1.31.2 1.31.3; do
    folder=$WORK/web/release/v$version/bin/linux/amd64
    mkdir -p "$folder"
    for name in kubeadm kubelet kubectl; do
      package=$WORK/web/v${version%.*}/deb/${name}_$version-1.1_amd64.deb
      if [ -e "$package" ]; then dpkg-deb --fsys-tarfile "$package" | tar -xO "./usr/bin/$name"; else echo "echo v$version"; fi >"$folder/$name"
      sha256sum <"$folder/$name" | cut -d ' ' -f 1 >"$folder/$name.sha256"
    done
  done
fi

node() {
  box apt
  MANAGER=binaries
  local name
  for name in kubeadm kubelet kubectl; do
    cp "$WORK/web/release/v1.30.4/bin/linux/amd64/$name" "$BOX/usr/local/bin/$name"
    chmod 755 "$BOX/usr/local/bin/$name"
  done
  # Debian's small system cannot fetch; a node with curl can. Here python stands on the other side of a folder.
  mkdir -p "$BOX/source"
  cp -a "$WORK/web/release/." "$BOX/source/"
  AT=from:/source
}

node
try 'programs are found with their versions' is "$(versions)" "$(old)"
try 'nothing is held' shows hold:kubelet=no
before=$(picture)
deed offers "$AT" v1.30 v1.31 v1.77
try 'a minor offers all its versions, newest first' said offer:v1.31:kubelet=1.31.3,1.31.2,1.31.1,1.31.0
try 'of which some may be missing' said offer:v1.30:kubeadm=1.30.5,1.30.4
try 'a minor without programs says so' says 'unreadable:v1.77='
try 'the source is named' said repository=/source
try 'asking changes nothing' is "$(diff <(echo "$before") <(picture))" ''

deed install "$AT" kubeadm=1.31.2
try 'kubeadm alone is installed' works
try 'and nothing else' is "$(versions)" 'kubeadm=1.31.2 kubelet=1.30.4 kubectl=1.30.4'
deed install "$AT" kubelet=1.31.9
try 'a version that is not there is no success' test "$STATUS" -ne 0
echo 0000 >"$BOX/source/v1.31.2/bin/linux/amd64/kubelet.sha256"
deed install "$AT" kubelet=1.31.2
try 'a program that is not what its checksum says is refused' says 'is not what its checksum says'
try 'and not installed' is "$(versions)" 'kubeadm=1.31.2 kubelet=1.30.4 kubectl=1.30.4'
deed install 'from:/source/{version}/bin/linux/{arch}/{program}' kubectl=1.31.2
try 'a pattern is a source too' is "$(versions)" 'kubeadm=1.31.2 kubelet=1.30.4 kubectl=1.31.2'
deed install kubectl=1.31.3
try 'without a source nothing is installed' says 'nobody has said where new programs come from'

node
runtime
pulls kube-apiserver:v1.31.2 kube-controller-manager:v1.31.2 kube-scheduler:v1.31.2 kube-proxy:v1.31.2 coredns:v1.11.3 pause:3.10
echo cut >"$BOX/usr/local/bin/.kup.kubelet.tmp"
deed prefetch "$AT" - v1.31.2 control-plane image:-etcd old:kubeadm=1.30.4 old:kubelet=1.30.4 old:kubectl=1.30.4 kubeadm=1.31.2 kubelet=1.31.2 kubectl=1.31.2
try 'programs and images are brought' works
deed prefetched "$AT" - v1.31.2 control-plane kubeadm=1.31.2 kubelet=1.31.2
try 'whole' said have:kubelet=1.31.2
try 'etcd is left out where it is not ours' is "$(printf '%s\n' "$OUT" | grep -c etcd)" 0
rm -rf "$BOX/source"
deed install "$AT" kubeadm=1.31.2 kubelet=1.31.2 kubectl=1.31.2
try 'with the source gone all are installed' is "$(versions)" "$(new)"
try 'and nothing half-done is left' test ! -e "$BOX/usr/local/bin/.kup.kubelet.tmp"
deed downgrade "$AT" hold: kubeadm=1.30.4 kubelet=1.30.4 kubectl=1.30.4
try 'and the way back' is "$(versions)" "$(old)"
: >"$BOX/usr/local/bin/kubelet"
try 'a program that is empty shows' shows state:kubelet=broken
deed install "$AT" kubelet=1.31.2
try 'and is replaced' is "$(versions)" 'kubeadm=1.30.4 kubelet=1.31.2 kubectl=1.30.4'
