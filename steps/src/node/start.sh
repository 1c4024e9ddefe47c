# start: hands an attempt to systemd and ends when the attempt has been taken or refused, or was taken before. The script and its
# arguments are written down first; the unit's command line names only the file. Args: $1 run, $2 step, $3 attempt, $4 epoch,
# $5 place of the intent in the journal, $6 name of the script, $7 text of attempt.sh, $8 text of the script, further: its arguments
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
run=$1 step=$2 attempt=$3 epoch=$4 intent=$5 name=$6 wrapper=$7 script=$8
shift 8
home=/var/lib/kup
folder=$home/attempts/$run
base=$folder/$step.$attempt
order=$base.order-$epoch
unit=kup-$run-$step-$attempt.service

is_taken() { [ -e "$base.intent" ] || [ -e "$base.exit" ]; }

# A unit that is gone is `inactive`; one that waits for its turn has a job.
is_queued_or_running() {
    case $(systemctl show -p ActiveState -p Job "$unit") in
        *Job=[1-9]* | *=active* | *=activating* | *=deactivating* | *=reloading*) return 0 ;;
        *) return 1 ;;
    esac
}

# /etc/environment is what a login would have: kubeadm writes its proxies into the static pods. Only this wrapper is told to
# stop, and it finishes: nobody kills dpkg in the middle, and a shutdown waits for it.
submit() {
    systemd-run --unit="$unit" --collect --quiet --no-block --description="kup: $name" \
        --setenv=HOME=/root -p EnvironmentFile=-/etc/environment \
        -p KillMode=process -p SendSIGKILL=no -p TimeoutStopSec=900 -p IgnoreSIGPIPE=no \
        /bin/sh "$order/attempt" "$run" "$step" "$attempt" "$epoch" "$intent"
}

mkdir -p "$folder"
chmod 700 "$home" "$home/attempts" "$folder"
sync "$home" "$home/attempts"
if is_taken; then exit 0; fi

# A folder that is there was synced before it got its name.
if [ ! -d "$order" ]; then
    new=$(mktemp -d "$folder/.order.XXXXXX")
    printf '%s' "$wrapper" >"$new/attempt"
    printf '%s' "$script" >"$new/script"
    number=0
    for argument; do
        number=$((number + 1))
        printf '%s' "$argument" >"$new/arg$number"
    done
    sync "$new"/* "$new"
    mv -T "$new" "$order" 2>/dev/null || rm -rf "$new"
    sync "$folder"
fi
rm -f "$base.refused"

sent=0
waited=0
while [ "$waited" -lt 100 ]; do
    if is_taken || [ -e "$base.refused" ]; then exit 0; fi
    if ! is_queued_or_running; then
        # Between the two questions it may have come to its end.
        if is_taken || [ -e "$base.refused" ]; then exit 0; fi
        if [ "$sent" -ge 3 ]; then
            echo "kup: systemd does not start $unit" >&2
            exit 71
        fi
        sent=$((sent + 1))
        submit || sleep 0.2
    fi
    sleep 0.1
    waited=$((waited + 1))
done
