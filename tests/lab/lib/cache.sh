# shellcheck shell=bash
# What every cluster on this machine shares, made once and kept in $CACHE:
#
#   bin/VERSION/    the Kubernetes programs, bin/crictl and bin/stub
#   base-DIGEST/    the nodes' root file system, read-only below each node's own layer
#   etcd/           Debian's etcd, unpacked and not installed: its package would start a server on this machine
#   apt/vMINOR/deb  one package repository per minor, laid out as the community's
#   images/         one archive per version
#
# Each thing is made beside its place and renamed, so that an interrupted `prepare` leaves nothing half-made.

build_kubernetes() {
  install_machine_packages
  [ -x "$CACHE/bin/crictl" ] && has_programs "$FROM" && has_programs "$TO" && return
  say "building Kubernetes $FROM and $TO, about 10 minutes; the log is $LAB/log/build.log"
  logged build "$HERE/build-kubernetes" "$CACHE/bin" "$FROM" "$TO"
}

has_programs() { # VERSION
  local program
  for program in kubeadm kubectl kubelet kube-apiserver kube-controller-manager kube-scheduler; do
    [ -x "$CACHE/bin/$1/$program" ] || return 1
  done
}

prepare() {
  local version
  build_kubernetes
  make_stub
  make_etcd
  make_base
  for version in "$FROM" "$TO"; do
    make_packages "$version"
    make_images "$version"
  done
}

make_stub() {
  local stub
  stub=$(stub_program)
  [ -x "$stub" ] && return
  logged stub gcc -O2 -static -o "$stub.new" "$HERE/stub.c"
  mv "$stub.new" "$stub"
}

stub_program() { echo "$CACHE/bin/stub-$(digest "$HERE/stub.c")"; }

make_etcd() {
  [ -d "$CACHE/etcd" ] && return
  logged etcd unpack_etcd
}

unpack_etcd() {
  local new=$CACHE/etcd.new
  rm -rf "$new"
  mkdir -p "$new"
  apt-get update -qq
  (cd "$new" && apt-get -o APT::Sandbox::User=root download etcd-server && dpkg-deb -x etcd-server_*.deb . && rm -- *.deb)
  mv "$new" "$CACHE/etcd"
}

make_images() { # VERSION
  local archive=$CACHE/images/$1.tar stamp
  stamp=$CACHE/images/.$1-$(digest "$HERE/images.py" "$HERE/stub.c")
  [ -e "$stamp" ] && return
  say "making the images of $1"
  mkdir -p "$CACHE/images"
  logged "images-$1" write_images "$1" "$archive.new"
  mv "$archive.new" "$archive"
  touch "$stamp"
}

write_images() { # VERSION ARCHIVE
  local reference name specs=() stub
  stub=$(stub_program)
  for reference in $("$CACHE/bin/$1/kubeadm" config images list --kubernetes-version "$1" 2>/dev/null); do
    name=${reference##*/}
    name=${name%%:*}
    case $name in
      kube-apiserver | kube-controller-manager | kube-scheduler) specs+=("$reference=$CACHE/bin/$1/$name") ;;
      kube-proxy | pause | coredns) specs+=("$reference=$stub:$name") ;;
      etcd) specs+=("$reference=${ETCD:-$CACHE/etcd/usr/bin/etcd}:etcd") ;;
    esac
  done
  [ "${#specs[@]}" -gt 0 ] || { echo "kubeadm lists no images for $1"; return 1; }
  python3 "$HERE/images.py" "$2" "${specs[@]}" "lab/app:1=$stub:app"
}
