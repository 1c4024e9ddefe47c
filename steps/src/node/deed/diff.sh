# diff: what the kubeadm of a release would change, seen from this control plane. Changes nothing: kubeadm comes into a throw-away folder and
# is asked there; what a dry run leaves in /etc/kubernetes/tmp is taken away again.
# Args: the repository's minor (v1.30), kubeadm=1.30.5-1.1, `apply` (everything, by a dry run) or `diff` (this machine's static pods), the
# release (v1.30.5), further flags for kubeadm...
# Prints what kubeadm prints; ends with 1 and kubeadm's own words where it refuses.
[ $# -ge 4 ] || { echo 'kup: diff wants a minor, a package, apply or diff, and a release' >&2; exit 64; }
minor=$1 package=$2 how=$3 release=$4
shift 4
case $how in apply | diff) ;; *) echo "kup: '$how' is neither apply nor diff" >&2; exit 64 ;; esac
left_here=/etc/kubernetes/tmp
admin=/etc/kubernetes/admin.conf

hall=$(mktemp -d)
had_folder=no
if [ -d "$left_here" ]; then had_folder=yes; fi
dry_runs() { find "$left_here" -mindepth 1 -maxdepth 1 -name 'kubeadm-*dryrun*' 2>/dev/null | sort; }
dry_runs >"$hall/before"

# Only what a dry run has left meanwhile: the copies of a real upgrade stay.
tidy() {
    dry_runs | comm -13 "$hall/before" - | while IFS= read -r left; do rm -rf "$left"; done
    if [ "$had_folder" = no ] && [ -d "$left_here" ]; then rmdir "$left_here" 2>/dev/null || true; fi
    rm -rf "$hall"
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM

open_room "$hall/room" "$minor"
if ! why=$(refresh_room); then
    printf 'kup: the repository of %s cannot be read: %s\n' "$minor" "$why" >&2
    exit 69
fi
fetch "$package" >"$hall/log" 2>&1 || { tail -n 5 "$hall/log" >&2; exit 69; }
file=$(package_file "$package")
[ -n "$file" ] || { echo "kup: $package cannot be fetched" >&2; exit 69; }
program_in "$file" kubeadm >"$hall/kubeadm"
chmod 700 "$hall/kubeadm"

mkdir "$hall/dry"
export KUBEADM_UPGRADE_DRYRUN_DIR="$hall/dry"
status=0
case $how in
    apply) "$hall/kubeadm" upgrade apply "$release" --dry-run -y --kubeconfig "$admin" "$@" </dev/null 2>"$hall/errors" || status=$? ;;
    diff) "$hall/kubeadm" upgrade diff "$release" --kubeconfig "$admin" </dev/null 2>"$hall/errors" || status=$? ;;
    *) ;;
esac
if [ "$status" -ne 0 ]; then
    tail -n 5 "$hall/errors" >&2
    exit 1
fi
