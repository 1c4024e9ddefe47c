# shellcheck shell=bash
# kubeadm, kubelet and kubectl as Debian packages in one flat repository per minor, laid out and versioned (1.20.2-1.1) as
# the community's are: kup must find them the same way.

make_packages() { # VERSION
  local repo stamp
  repo=$CACHE/apt/v$(minor "$1")/deb
  stamp=$repo/.$1-$(digest "$HERE"/packaging/* "$HERE/lib/packages.sh")
  [ -e "$stamp" ] && return
  say "packing $1"
  logged "packages-$1" pack "$1" "$repo"
  touch "$stamp"
}

pack() { # VERSION REPOSITORY
  local package
  rm -rf "$CACHE"/pack.* # of an interrupted call
  mkdir -p "$2"
  for package in kubeadm kubelet kubectl; do pack_one "$package" "$1" "$2"; done
  cd "$2"
  rm -f Release
  apt-ftparchive packages . >Packages
  gzip -kf Packages
  apt-ftparchive release . >Release.new # not into Release itself, which would be listed half-written
  mv Release.new Release
}

pack_one() { # PACKAGE VERSION REPOSITORY
  local package=$1 version=${2#v}-1.1 depends='' dir
  dir=$(mktemp -d "$CACHE/pack.XXXXXX")
  mkdir -p "$dir/DEBIAN" "$dir/usr/bin"
  cp "$CACHE/bin/$2/$package" "$dir/usr/bin/"
  case $package in
    kubelet)
      install -Dm644 "$HERE/packaging/kubelet.service" "$dir/usr/lib/systemd/system/kubelet.service"
      install -m755 "$HERE/packaging/kubelet.postinst" "$dir/DEBIAN/postinst"
      depends='Depends: iptables, conntrack, iproute2, socat, ethtool' ;;
    kubeadm)
      install -Dm644 "$HERE/packaging/10-kubeadm.conf" "$dir/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
      depends='Depends: kubelet (>= 1.19), kubectl (>= 1.19)' ;;
  esac
  printf '%s\n' "Package: $package" "Version: $version" 'Architecture: amd64' 'Maintainer: lab <lab@localhost>' \
    'Priority: optional' 'Section: admin' ${depends:+"$depends"} "Description: $package" >"$dir/DEBIAN/control"
  dpkg-deb -Zgzip -z1 --root-owner-group -b "$dir" "$3/${package}_${version}_amd64.deb"
  rm -rf "$dir"
}
