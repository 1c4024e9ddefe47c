# release: gives the node up when a run is over, under the node's lock: the owner's record goes away where it is this run's and not of a
# higher epoch. What still comes for that run is refused from then on. Args: $1 run, $2 epoch
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
run=$1 epoch=$2
home=/var/lib/kup

[ -e "$home/owner" ] || exit 0
exec 9>>"$home/lock"
flock -w 30 9 || { echo "kup: $home/lock is busy" >&2; exit 75; }
owner=$(head -n 1 "$home/owner" 2>/dev/null || true)
owner_run=$(printf '%s\n' "$owner" | sed -n 's/^cluster=[^ ]* run=\([^ ]*\) epoch=[0-9]* .*/\1/p')
owner_epoch=$(printf '%s\n' "$owner" | sed -n 's/^cluster=[^ ]* run=[^ ]* epoch=\([0-9]*\) .*/\1/p')
[ "$owner_run" = "$run" ] || exit 0
[ "$owner_epoch" -le "$epoch" ] || exit 0
rm -f "$home/owner"
sync "$home"
