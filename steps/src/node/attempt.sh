# attempt: the first and the last act of an attempt's unit. Under the node's lock it compares its epoch with the owner's and
# creates `.intent`; then it runs the script; then it leaves `.exit`. Where the owner is another run or a newer process it leaves
# `.refused` instead and does nothing. Args: $1 run, $2 step, $3 attempt, $4 epoch, $5 place of the intent in the journal
#
# `.intent` is made with link(2), as exclusive as O_EXCL, and it is never seen half-written. Its lock is inherited by everything
# that the script starts: as long as it is held, something of this attempt is alive, whatever became of the unit.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
run=$1 step=$2 attempt=$3 epoch=$4 intent=$5
home=/var/lib/kup
folder=$home/attempts/$run
base=$folder/$step.$attempt
order=$base.order-$epoch
boot=$(cat /proc/sys/kernel/random/boot_id)

# Stopping the unit, also by a shutdown, must not keep the outcome from being written. The script gets the default back.
trap : HUP INT TERM

exec 9>>"$home/lock"
flock 9
owner=
if [ -e "$home/owner" ]; then owner=$(head -n 1 "$home/owner"); fi
owner_run=$(printf '%s\n' "$owner" | sed -n 's/^cluster=[^ ]* run=\([^ ]*\) epoch=[0-9]* .*/\1/p')
owner_epoch=$(printf '%s\n' "$owner" | sed -n 's/^cluster=[^ ]* run=[^ ]* epoch=\([0-9]*\) .*/\1/p')
if [ "$owner_run" != "$run" ] || [ "${owner_epoch:-0}" -gt "$epoch" ]; then
    if [ ! -e "$base.intent" ]; then
        printf '%s\n' "${owner:-nobody}" >"$base.refused.tmp"
        sync "$base.refused.tmp"
        mv -f "$base.refused.tmp" "$base.refused"
        sync "$folder"
    fi
    exit 0
fi

mine=$(mktemp "$folder/.intent.XXXXXX")
exec 8>>"$mine"
flock 8
printf 'epoch=%s\nseq=%s\nboot=%s\ntime=%s\n' "$epoch" "$intent" "$boot" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >&8
sync "$mine"
if ! ln "$mine" "$base.intent" 2>/dev/null; then
    rm -f "$mine"
    [ -e "$base.intent" ] || { echo "kup: cannot make $base.intent" >&2; exit 74; }
    exit 0
fi
rm -f "$mine" "$base.refused"
sync "$folder"
exec 9>&-

set --
number=1
while [ -e "$order/arg$number" ]; do
    # The dot keeps newlines at the end of an argument.
    value=$(cat "$order/arg$number"; echo .)
    set -- "$@" "${value%.}"
    number=$((number + 1))
done

status=0
(umask 022; cd /; exec sh "$order/script" "$@") >"$base.out" 2>&1 </dev/null || status=$?

# kubeadm and others do not sync what they write. An outcome that outlived a power cut while its effect did not (an empty manifest, say)
# would be believed. Only these file systems: `sync` alone would wait for every NFS server that is away.
for place in / /etc/kubernetes /usr /var/lib /var/lib/kubelet; do
    if [ -d "$place" ]; then sync -f "$place" || true; fi
done
sync "$base.out"
digest=$(sha256sum <"$base.out")
printf 'status=%s\nboot=%s\nsha256=%s\ntime=%s\n' "$status" "$boot" "${digest%% *}" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$base.exit.tmp"
sync "$base.exit.tmp"
mv -f "$base.exit.tmp" "$base.exit"
sync "$folder"
