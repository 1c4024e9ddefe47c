# diff: what the kubeadm of a release would change, seen from this control plane. Changes nothing: kubeadm comes into a throw-away folder and is
# asked for a dry run. That writes folders into /etc/kubernetes/tmp, other ones with every minor, and takes few of them away again; so it sees
# a /etc/kubernetes and a /var/lib/kubelet that cannot be written to, with a tmp in memory that is gone with kubeadm, however that ends.
# Args: the repository's minor (v1.30), kubeadm=1.30.5-1.1, what kubeadm's configuration file says (may be empty), further: kubeadm's arguments,
# which begin with `upgrade apply`
# Prints what kubeadm prints; ends with 1 and kubeadm's own words where it refuses.
[ $# -ge 6 ] || { echo 'kup: diff wants a minor, a package, a configuration, and arguments for kubeadm' >&2; exit 64; }
minor=$1 package=$2 config=$3
shift 3
case "$1 $2" in 'upgrade apply') ;; *) echo "kup: '$1 $2' is not upgrade apply" >&2; exit 64 ;; esac
command -v unshare >/dev/null 2>&1 || { echo 'kup: this node has no unshare, without which kubeadm could leave something here' >&2; exit 69; }
scratch=/etc/kubernetes/tmp
umask 077

hall=$(mktemp -d)
had_scratch=yes asked=
tidy() {
    if [ -n "$asked" ] && kill "$asked" 2>/dev/null; then wait "$asked" || true; fi
    # It is taken away only when it is empty: somebody else may have come to need it.
    if [ "$had_scratch" = no ]; then rmdir "$scratch" 2>/dev/null || true; fi
    rm -rf "$hall"
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM PIPE

open_room "$hall/room" "$minor"
if ! why=$(refresh_room); then
    printf 'kup: the repository of %s cannot be read: %s\n' "$minor" "$why" >&2
    exit 69
fi
fetch "$package" >"$hall/log" 2>&1 || { tail -n 5 "$hall/log" >&2; exit 69; }
file=$(package_file "$package")
[ -n "$file" ] || { echo "kup: $package cannot be fetched" >&2; exit 69; }
program_in "$file" kubeadm >"$hall/kubeadm"
[ -s "$hall/kubeadm" ] || { echo "kup: there is no kubeadm in $package" >&2; exit 69; }
printf 'y\n' >"$hall/answer"
if [ -n "$config" ]; then printf '%s\n' "$config" >"$hall/upgrade.yaml"; fi

if [ ! -d "$scratch" ]; then
    had_scratch=no
    mkdir "$scratch"
fi
# Other programs' unmounting goes on in there, so that nobody's volume stays busy; its own mounts come out to nobody. The program is copied
# because /tmp may be a place where none may run.
# shellcheck disable=SC2016 # The inner shell expands them.
inside='set -eu
hall=$1
shift
frozen() { mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"; }
frozen /etc/kubernetes
if [ -d /var/lib/kubelet ]; then frozen /var/lib/kubelet; fi
mount -t tmpfs -o mode=0700 kup /etc/kubernetes/tmp
cp "$hall/kubeadm" /etc/kubernetes/tmp/.kubeadm
chmod 700 /etc/kubernetes/tmp/.kubeadm
if [ -f "$hall/upgrade.yaml" ]; then set -- "$@" --config "$hall/upgrade.yaml"; fi
exec /etc/kubernetes/tmp/.kubeadm "$@" --dry-run --kubeconfig /etc/kubernetes/admin.conf <"$hall/answer"'
# In the background, because a shell that waits for a program in front hears of no signal.
timeout 300 unshare --mount --propagation slave sh -c "$inside" kup "$hall" "$@" 2>"$hall/errors" &
asked=$!
status=0
wait "$asked" || status=$?
asked=
if [ "$status" -eq 124 ]; then
    echo 'kup: kubeadm has not ended its dry run in 300 s' >&2
    exit 1
fi
if [ "$status" -ne 0 ]; then
    grep -vE '^[IW][0-9]{4} ' "$hall/errors" | grep . | tail -n 5 >&2 || true
    exit 1
fi
