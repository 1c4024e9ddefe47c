# kubelet: the kubelet's program, process and files. Changes nothing.
# Prints one `key=value` a line:
#   program=v1.20.2              (kubelet --version)
#   active=active|inactive|failed|activating|...
#   pid=<MainPID, 0 without>
#   process=current|replaced|none   (replaced: /proc/PID/exe is deleted, the process is older than the program)
#   fresh=yes|no                 (yes: the process began after program, units and configuration were last changed: a restart would change nothing)
#   invocation=<InvocationID of the unit, changes with every start>
#   needs_reload=yes|no          (NeedDaemonReload)
#   config=<sha256 of /var/lib/kubelet/config.yaml>
#   flags=<sha256 of /var/lib/kubelet/kubeadm-flags.env>
#   last_log=<last line of its journal, at most 300 bytes>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
property() { systemctl show -p "$1" kubelet.service | sed "s/^$1=//"; }

hash_of() {
    if [ -r "$1" ]; then sha256sum <"$1" | cut -d ' ' -f 1; fi
}

process_state() {
    if [ "$pid" = 0 ]; then
        echo none
        return 0
    fi
    case $(readlink "/proc/$pid/exe" 2>/dev/null || true) in
        '') echo none ;;
        *' (deleted)') echo replaced ;;
        *) echo current ;;
    esac
}

is_fresh() {
    if [ "$(process_state)" != current ] || [ "$(property NeedDaemonReload)" != no ]; then echo no; return 0; fi
    started=$(systemctl show --timestamp=us -p ExecMainStartTimestamp kubelet.service 2>/dev/null | sed 's/^[^=]*=//')
    started=$(date -d "${started:-never}" +%s%6N 2>/dev/null) || { echo no; return 0; }
    # Paths of units have no spaces.
    for file in "$(readlink -f "$(command -v kubelet)")" /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env \
        /var/lib/kubelet/instance-config.yaml /etc/default/kubelet /etc/sysconfig/kubelet $(property FragmentPath) $(property DropInPaths); do
        [ -e "$file" ] || continue
        # A package's files keep their old mtime; the ctime says when they came.
        changed=$(stat -c %.6Z "$file" | tr -d .)
        if [ "$changed" -ge "$started" ]; then echo no; return 0; fi
    done
    echo yes
}

program=$(kubelet --version 2>/dev/null | sed -n 's/^Kubernetes //p') || program=
pid=$(property MainPID)
pid=${pid:-0}
printf 'program=%s\n' "$program"
printf 'active=%s\n' "$(property ActiveState)"
printf 'pid=%s\n' "$pid"
printf 'process=%s\n' "$(process_state)"
printf 'fresh=%s\n' "$(is_fresh)"
printf 'invocation=%s\n' "$(property InvocationID)"
printf 'needs_reload=%s\n' "$(property NeedDaemonReload)"
printf 'config=%s\n' "$(hash_of /var/lib/kubelet/config.yaml)"
printf 'flags=%s\n' "$(hash_of /var/lib/kubelet/kubeadm-flags.env)"
printf 'last_log=%s\n' "$(journalctl -u kubelet.service -n 1 -o cat --no-pager 2>/dev/null | tr -d '\000-\011\013-\037\177' | tail -n 1 | cut -c 1-300)"
