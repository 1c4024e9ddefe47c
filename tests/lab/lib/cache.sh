# shellcheck shell=bash
# What every cluster on this machine shares, made once and kept in $CACHE:
#
#   bin/VERSION/    the Kubernetes programs, bin/crictl and bin/stub
#   base-DIGEST/    the nodes' root file system, read-only below each node's own layer
#   etcd/           Debian's etcd, unpacked and not installed: its package would start a server on this machine
#   apt/vMINOR/deb  one package repository per minor, laid out as the community's
#   images/         two archives per version: what every node needs, and what a control plane needs beside it
#
# Each thing is made beside its place and renamed, so that an interrupted `prepare` leaves nothing half-made.

build_kubernetes() {
  local version missing=()
  install_machine_packages
  for version in $(versions); do has_programs "$version" || missing+=("$version"); done
  [ -x "$CACHE/bin/crictl" ] && [ "${#missing[@]}" = 0 ] && return
  say "building Kubernetes ${missing[*]}: 10 minutes for the first on this machine, one for each further; the log is $LAB/log/build.log"
  logged build "$HERE/build-kubernetes" "$CACHE/bin" "${missing[@]}"
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
  for version in $(versions); do
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
  local archive=$CACHE/images/$1 stamp
  stamp=$CACHE/images/.$1-$(digest "$HERE/images.py" "$HERE/stub.c" "$HERE/lib/cache.sh")
  [ -e "$stamp" ] && return
  say "making the images of $1"
  mkdir -p "$CACHE/images"
  logged "images-$1" write_images "$1" "$archive"
  touch "$stamp"
}

write_images() { # VERSION ARCHIVE
  local reference name every=() control_plane=() stub
  stub=$(stub_program)
  for reference in $("$CACHE/bin/$1/kubeadm" config images list --kubernetes-version "$1" 2>/dev/null); do
    name=${reference##*/}
    name=${name%%:*}
    case $name in
      kube-apiserver | kube-controller-manager | kube-scheduler) control_plane+=("$reference=$CACHE/bin/$1/$name") ;;
      kube-proxy | pause | coredns) every+=("$reference=$stub:$name") ;;
      etcd) control_plane+=("$reference=${ETCD:-$CACHE/etcd/usr/bin/etcd}:etcd") ;;
    esac
  done
  [ "${#every[@]}" -gt 0 ] || { echo "kubeadm lists no images for $1"; return 1; }
  python3 "$HERE/images.py" "$2.tar.new" "${every[@]}" "lab/app:1=$stub:app"
  python3 "$HERE/images.py" "$2-control-plane.tar.new" "${control_plane[@]}"
  mv "$2.tar.new" "$2.tar"
  mv "$2-control-plane.tar.new" "$2-control-plane.tar"
}
