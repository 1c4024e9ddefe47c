# shellcheck shell=bash
# The nodes' root file system: one Debian for all, read-only below each node's own layer. A change to this file makes a
# new one; the old one stays for the nodes that stand on it.

NODE_PACKAGES=systemd,systemd-sysv,dbus,openssh-server,containerd,runc,iptables,conntrack,ethtool,socat,ebtables,iproute2,procps,kmod,ca-certificates,containernetworking-plugins,sudo,iputils-ping,etcd-client,strace

base_dir() { echo "$CACHE/base-$(digest "$HERE/lib/base.sh")"; }

make_base() {
  [ -d "$(base_dir)" ] && return
  say "making the nodes' base system"
  logged base build_base "$(base_dir)"
}

build_base() { # DIR
  local new=$1.new
  rm -rf --one-file-system "$new"
  debootstrap --variant=minbase --include="$NODE_PACKAGES" bookworm "$new" "$(debian_mirror)"
  # What must differ between machines is made for each node when it is furnished.
  rm -f "$new"/etc/ssh/ssh_host_* "$new/etc/machine-id" "$new/var/lib/dbus/machine-id"
  rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*
  : >"$new/etc/apt/sources.list" # a node's only packages are the lab's, so that apt needs no network
  chroot "$new" systemctl enable ssh containerd
  chroot "$new" systemctl mask systemd-networkd systemd-resolved getty@tty1 console-getty systemd-logind tmp.mount
  mv "$new" "$1"
}
