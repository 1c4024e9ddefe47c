# status: says what this node knows of an attempt; waits up to about 3 s while it runs. Changes nothing.
# Prints one line: `not-started`, `running LAST LINE OF ITS OUTPUT`, `ended STATUS`, `refused OWNER`, or `lost WHY`.
# Args: $1 run, $2 step, $3 attempt
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
run=$1 step=$2 attempt=$3
base=/var/lib/kup/attempts/$run/$step.$attempt
unit=kup-$run-$step-$attempt.service

# The order of the questions makes the answers right: what began before the unit was found gone, and left no exit
# by then, has none.
look() {
    began=no
    if [ -e "$base.intent" ]; then began=yes; fi
    properties=$(systemctl show -p ActiveState -p Job "$unit")
    case $properties in
        *Job=[1-9]* | *=active* | *=activating* | *=deactivating* | *=reloading*) state=running; return 0 ;;
        *) ;;
    esac
    if [ -e "$base.exit" ]; then
        state=ended
    elif [ "$began" = yes ]; then
        state=lost
        # Whatever the script started holds this lock, also when its unit's first process was killed.
        flock -n "$base.intent" true || state=running
        if [ "$state" = lost ] && [ -e "$base.exit" ]; then state=ended; fi
    elif [ -e "$base.intent" ]; then
        state=running
    elif [ -e "$base.refused" ]; then
        state=refused
    else
        state=not-started
    fi
}

last_line() {
    [ -e "$base.out" ] || return 0
    tail -c 4096 "$base.out" | tr '\r' '\n' | tr -d '\000-\010\013-\037\177' | sed '/^[[:space:]]*$/d' | tail -n 1 | cut -c 1-300
}

why_lost() {
    then_boot=$(sed -n 's/^boot=//p' "$base.intent")
    if [ "$then_boot" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        echo 'its unit ended without leaving an exit status'
    else
        echo 'the machine has booted since it began'
    fi
}

look
rounds=0
while [ "$state" = running ] && [ "$rounds" -lt 15 ]; do
    sleep 0.2
    rounds=$((rounds + 1))
    look
done

case $state in
    running) printf 'running %s\n' "$(last_line)" ;;
    ended) printf 'ended %s\n' "$(sed -n 's/^status=//p' "$base.exit")" ;;
    refused) printf 'refused %s\n' "$(head -n 1 "$base.refused")" ;;
    lost) printf 'lost %s\n' "$(why_lost)" ;;
    *) printf '%s\n' "$state" ;;
esac
