# claim: makes a process of kup the owner of this node, under the node's lock. Args: $1 cluster, $2 run, $3 epoch, $4 operator,
# $5 a run that is known to be over (may be empty). Status 67, and the owner's record on stdout, where the node belongs to
# another run that is not $5, or to a higher epoch.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
cluster=$1 run=$2 epoch=$3 operator=$4 over=$5
home=/var/lib/kup

for word in "$cluster" "$run" "$epoch"; do
    case $word in
        '' | *[!A-Za-z0-9._:-]*) echo "kup: '$word' cannot stand in an owner record" >&2; exit 64 ;;
    esac
done
mkdir -p "$home"
chmod 700 "$home"
exec 9>>"$home/lock"
flock -w 30 9 || { echo "kup: $home/lock is busy" >&2; exit 75; }

owner=
if [ -e "$home/owner" ]; then owner=$(head -n 1 "$home/owner"); fi
owner_run=$(printf '%s\n' "$owner" | sed -n 's/^cluster=[^ ]* run=\([^ ]*\) epoch=[0-9]* .*/\1/p')
owner_epoch=$(printf '%s\n' "$owner" | sed -n 's/^cluster=[^ ]* run=[^ ]* epoch=\([0-9]*\) .*/\1/p')
refuse() {
    printf '%s\n' "$owner"
    exit 67
}
if [ -n "$owner" ] && [ "$owner_run" = "$run" ]; then
    [ "$owner_epoch" -le "$epoch" ] || refuse
elif [ -n "$owner" ]; then
    if [ -z "$over" ] || [ "$owner_run" != "$over" ]; then refuse; fi
fi

operator=$(printf '%s' "$operator" | tr '[:cntrl:]' ' ')
printf 'cluster=%s run=%s epoch=%s operator=%s\n' "$cluster" "$run" "$epoch" "$operator" >"$home/owner.tmp"
sync "$home/owner.tmp"
mv -f "$home/owner.tmp" "$home/owner"
sync "$home"
