# kubelet-restart: systemctl daemon-reload and restart of the kubelet; ends when the unit is active again. No args.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
property() { systemctl show -p "$1" kubelet.service | sed "s/^$1=//"; }

systemctl daemon-reload
systemctl reset-failed kubelet.service 2>/dev/null || true
systemctl restart kubelet.service

# A kubelet that dies at its start is active for a moment too: it must be the same process twice, a second apart. Whether its node
# gets Ready is for kup to see.
waited=0
last=
while [ "$waited" -lt 60 ]; do
    pid=$(property MainPID)
    if [ "$(property ActiveState)" = active ] && [ "$pid" != 0 ] && [ "$pid" = "$last" ]; then
        echo "the kubelet is active, process $pid"
        exit 0
    fi
    last=$pid
    sleep 1
    waited=$((waited + 1))
done
echo 'kup: the kubelet does not stay active; the end of its log:' >&2
journalctl -u kubelet.service -n 20 -o cat --no-pager >&2 || true
exit 1
