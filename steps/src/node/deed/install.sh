# install: finishes an interrupted transaction, then installs exactly the packages given, as one transaction that was simulated first and may
# touch nothing else; holds never lapse. Args: name=version...
check_words "$@"
for package; do
    now=$(installed "${package%%=*}")
    if [ -n "$now" ] && is_newer "$now" "${package#*=}"; then
        echo "kup: nothing was changed, because ${package%%=*} is at $now, which is newer than ${package#*=}" >&2
        exit 66
    fi
done
held=$(for name in $(names "$@"); do if is_held "$name"; then echo "$name"; fi; done)
exact_transaction "$@"
for name in $held; do
    is_held "$name" || { echo "kup: the hold of $name was lost" >&2; exit 70; }
done
