# shellcheck shell=bash
# Small Debian systems, one for each package manager, made once per machine; and the packages for them. Everything happens in these trees and in
# layers above them: the machine's own packages are never touched.

CACHE=${KUP_PACKAGES_CACHE:-/var/cache/kup-packages}

# A change to what makes one makes a new one.
tree() { # apt|dnf|zypper|packages
  case $1 in
    packages) echo "$CACHE/packages-$(sha256sum <"$HERE/lib/make-packages" | cut -c 1-12)" ;;
    *) echo "$CACHE/$1-$(sha256sum <"$HERE/lib/trees.sh" | cut -c 1-12)" ;;
  esac
}

make_trees() {
  local it
  for it in curl debootstrap python3 unshare; do
    command -v "$it" >/dev/null || { apt-get update -qq && apt-get install -y -qq curl debootstrap python3 util-linux >/dev/null; break; }
  done
  mkdir -p "$CACHE"
  for it in apt dnf zypper; do
    if [ ! -d "$(tree $it)" ]; then say "making a system with $it, once" && make_tree $it; fi
  done
  [ -d "$(tree packages)" ] || make_packages
}

make_tree() { # apt|dnf|zypper
  local new=$CACHE/new
  rm -rf --one-file-system "$new"
  case $1 in
    apt) debootstrap --variant=minbase bookworm "$new" "$(mirror)" >"$CACHE/log" ;;
    dnf) add_programs dnf dnf-plugins-core rpm cpio createrepo-c apt-utils ;;
    zypper) add_programs zypper rpm cpio ;;
  esac
  mv "$new" "$(tree "$1")"
}

mirror() { awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || echo http://deb.debian.org/debian; }

add_programs() { # PACKAGE...
  local new=$CACHE/new
  cp -a "$(tree apt)" "$new"
  mkdir -p "$new/etc/rpm"
  echo '%_dbpath /var/lib/rpm' >"$new/etc/rpm/macros"
  inside "$new" "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends $*" >>"$CACHE/log" 2>&1
  rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*
  # A plugin of Debian's that nobody else has; and what Debian's rpm does not know is there.
  rm -f "$new/usr/lib/python3/dist-packages/dnf-plugins/local.py"
  cat >"$new/foundation.spec" <<'END'
Name: foundation
Version: 1
Release: 1
Summary: what is there
License: Apache-2.0
BuildArch: noarch
Provides: /bin/sh
%description
For tests.
%files
END
  inside "$new" 'rpmbuild -bb --quiet --define "_topdir /foundation" /foundation.spec && rpm -i --nodeps --quiet /foundation/RPMS/noarch/*.rpm' >>"$CACHE/log" 2>&1
}

make_packages() {
  local new=$CACHE/new
  rm -rf --one-file-system "$new"
  cp -a "$(tree dnf)" "$new"
  cp "$HERE/lib/make-packages" "$new/"
  inside "$new" '/make-packages /made' >>"$CACHE/log" 2>&1
  mv "$new/made" "$(tree packages)"
  rm -rf --one-file-system "$new"
}

inside() { # ROOT COMMAND
  unshare --pid --fork --kill-child --mount-proc="$1/proc" chroot "$1" /bin/sh -c "mount -t devtmpfs none /dev 2>/dev/null || true; $2"
}
