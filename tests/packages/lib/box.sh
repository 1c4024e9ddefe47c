# shellcheck shell=bash
# A box: a layer of its own above a tree, in which scripts of kup's run as on a node.

BOX=

# Begins an empty box of a package manager.
box() { # apt|dnf|zypper
  MANAGER=$1
  umount -R "$WORK/box/root" 2>/dev/null || true
  rm -rf "$WORK/box"
  mkdir -p "$WORK/box/upper" "$WORK/box/work" "$WORK/box/root"
  BOX=$WORK/box/root
  mount -t overlay overlay -o "lowerdir=$(tree "$1"),upperdir=$WORK/box/upper,workdir=$WORK/box/work" "$BOX"
  mount --rbind /dev "$BOX/dev"
  rm -f "$BOX/run/slow" "$BOX/run/in-the-middle"
  mkdir -p "$BOX/var/lib/kup"
}

# A box with kubeadm, kubelet and kubectl 1.30.4 from a repository.
box_at() { # URL
  box "$MANAGER"
  furnish "$1"
  deed install kubeadm="1.30.4-$R" kubelet="1.30.4-$R" kubectl="1.30.4-$R"
  works || { echo "the node cannot be made: $OUT"; exit 1; }
}

# Runs a command in the box.
here() { unshare --pid --fork --kill-child --mount-proc="$BOX/proc" chroot "$BOX" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@" </dev/null; }

# Prints the text of a script as kup sends it.
text() { # NAME
  local parts part
  parts=$(sed -nE "s/^ *[A-Z_]+ = \"$1\" of (.*);/\\1/p" "$SOURCE/script.rs" | tr -d '"')
  for part in ${parts:-$1}; do cat "$SOURCE/node/$part.sh"; done
}

# Runs a deed with the box's package manager; what it says is kept in $OUT, its status in $STATUS.
deed() { # DEED ARG...
  STATUS=0
  OUT=$(here sh -c "$(text "$(script_name "$1")")" kup "${@:2}" 2>&1) || STATUS=$?
}

script_name() { if [ "$MANAGER" = apt ]; then echo "$1"; else echo "$MANAGER-$1"; fi; }

# Runs a deed and kills it in the middle of the packages' installation, as hard as can be.
killed() { # DEED ARG...
  touch "$BOX/run/slow"
  rm -f "$BOX/run/in-the-middle"
  here sh -c "$(text "$(script_name "$1")")" kup "${@:2}" >"$WORK/killed.log" 2>&1 &
  local pid=$! tries=0
  until [ -e "$BOX/run/in-the-middle" ] || [ "$tries" -gt 150 ]; do sleep 0.1; tries=$((tries + 1)); done
  pkill -KILL -P "$pid" || true
  wait "$pid" 2>/dev/null || true
  rm -f "$BOX/run/slow"
  [ -e "$BOX/run/in-the-middle" ]
}

# --- A container runtime that knows images by name: those in /images are there, those in /registry can be pulled.

runtime() {
  mkdir -p "$BOX/var/lib/kubelet"
  echo 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/test.sock"' >"$BOX/var/lib/kubelet/kubeadm-flags.env"
  : >"$BOX/images"
  : >"$BOX/registry"
  cat >"$BOX/usr/bin/crictl" <<'END'
#!/bin/sh
[ "$1 $2" = '--runtime-endpoint unix:///run/test.sock' ] || exit 1
case $3 in
  inspecti) grep -qxF "$4" /images ;;
  pull) grep -qxF "${4##*/}" /registry && [ "${4%%/*}" = registry.k8s.io ] && echo "$4" >>/images ;;
  *) exit 1 ;;
esac
END
  chmod 755 "$BOX/usr/bin/crictl"
}

pulls() { printf '%s\n' "$@" >>"$BOX/registry"; }

# --- The web server with the repositories

serve() {
  gone
  rm -rf "$WORK/web"
  cp -a "$(tree packages)" "$WORK/web"
  (cd "$WORK/web" && exec python3 -m http.server "$PORT" --bind 127.0.0.1 >"$WORK/web.log" 2>&1) &
  SERVER=$!
  local tries=0
  until curl -fsS "http://127.0.0.1:$PORT/v1.30/" >/dev/null 2>&1 || [ "$tries" -gt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
}

gone() {
  if [ -n "${SERVER-}" ]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; fi
  SERVER=
}

# --- What is in the box

versions() { # prints kubeadm=VERSION kubelet=VERSION kubectl=VERSION, as the package manager says
  deed packages
  printf '%s\n' "$OUT" | sed -n 's/^version://p' | tr '\n' ' ' | sed 's/ $//'
}

v() { echo "kubeadm=$1 kubelet=$1 kubectl=$1"; }

said() { printf '%s\n' "$OUT" | grep -qxF -- "$1"; }

# Whether the package manager says this of the node now.
shows() {
  deed packages
  said "$1"
}

says() { printf '%s\n' "$OUT" | grep -qF -- "$1"; }

# Everything outside kup's own folder, by name and content; what asking changes shows here.
picture() {
  find "$BOX/etc" "$BOX/usr/bin" "$BOX/var/lib" "$BOX/var/cache" -path "$BOX/var/lib/kup" -prune -o -type f ! -name '*.sqlite-shm' ! -name '.rpm.lock' -exec sha256sum {} + | sort -k 2
}
