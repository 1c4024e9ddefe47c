# install: finishes an interrupted dpkg, then installs exactly the packages given, as one transaction that was simulated first and may
# touch nothing else; holds never lapse. Args: name=version...
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# --- one exact transaction (the same text in install and downgrade)
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l
command -v apt-get >/dev/null 2>&1 || { echo 'kup: this node has no apt-get' >&2; exit 69; }
for package; do
    case $package in
        -* | =* | *= | *[!A-Za-z0-9.+:~=-]*) echo "kup: '$package' is not name=version" >&2; exit 64 ;;
        *=*) ;;
        *) echo "kup: '$package' is not name=version" >&2; exit 64 ;;
    esac
done
[ "$#" -gt 0 ] || { echo 'kup: no packages were named' >&2; exit 64; }

apt_get() {
    apt-get -y -q -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 --allow-change-held-packages "$@"
}

# dpkg does not wait for its lock as apt does.
finish_interrupted() {
    tries=0
    while [ -n "$(dpkg --audit)" ] || [ -n "$(find /var/lib/dpkg/updates -type f -name '[0-9]*')" ]; do
        if dpkg --force-confold --configure -a; then return 0; fi
        tries=$((tries + 1))
        # What cannot be configured may be what this transaction replaces.
        if [ "$tries" -ge 12 ]; then return 0; fi
        if ! is_other_at_work; then return 0; fi
        sleep 10
    done
}

# Another dpkg or apt at work is worth waiting for; a package that does not configure is not.
is_other_at_work() {
    for process in /proc/[0-9]*; do
        case $(cat "$process/comm" 2>/dev/null || true) in
            dpkg | apt | apt-get | aptitude | unattended-upgr) return 0 ;;
            *) ;;
        esac
    done
    return 1
}

# Ends with 66 where the transaction would do more than was asked for.
refuse_more() {
    plan=$(apt_get -s "$@") || { echo 'kup: apt refuses this transaction' >&2; exit 66; }
    more=
    for touched in $(printf '%s\n' "$plan" | awk '$1 == "Inst" || $1 == "Remv" || $1 == "Purg" { print $2 }'); do
        # What kubeadm and kubelet depend on comes from the same repository and goes up with them.
        case ${touched%%:*} in
            cri-tools | kubernetes-cni) continue ;;
            *) ;;
        esac
        asked=no
        for wanted in $wanted_names; do
            if [ "${touched%%:*}" = "$wanted" ]; then asked=yes; fi
        done
        if [ "$asked" = no ]; then more="$more $touched"; fi
    done
    if [ -n "$more" ]; then
        echo "kup: nothing was changed, because apt would also touch:$more" >&2
        exit 66
    fi
}

wanted_names=
for package; do wanted_names="$wanted_names ${package%%=*}"; done

# The lists may be those of another minor: after a switch that was cut short, on the way back, or after a clean-up by apt's own timer.
know_versions() {
    for package; do
        if ! apt-cache madison "${package%%=*}" | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | grep -qxF "${package#*=}"; then
            apt-get -q -o APT::Get::List-Cleanup=0 -o Acquire::Retries=2 -o DPkg::Lock::Timeout=120 update || true
            return 0
        fi
    done
}

# Ends with 70 where a package did not come out as asked.
check_versions() {
    for package; do
        found=$(dpkg-query -W -f='${db:Status-Status}=${Version}' "${package%%=*}" 2>/dev/null || true)
        if [ "$found" != "installed=${package#*=}" ]; then
            echo "kup: ${package%%=*} should be installed as ${package#*=} and is: $found" >&2
            exit 70
        fi
    done
}
# ---

# dpkg takes the hold off what it unpacks. So the holds are written down first: an attempt that comes after a cut one finds
# them here.
holds=/var/lib/kup/holds

remember_holds() {
    mkdir -p /var/lib/kup
    { apt-mark showhold; if [ -e "$holds" ]; then cat "$holds"; fi; } | sort -u >"$holds.tmp"
    chmod 600 "$holds.tmp"
    sync "$holds.tmp"
    mv -f "$holds.tmp" "$holds"
    sync /var/lib/kup
}

is_held() { apt-mark showhold | grep -qx "$1"; }

remember_holds
finish_interrupted
know_versions "$@"
refuse_more install "$@"
apt_get install "$@"
while IFS= read -r package; do
    is_held "$package" || apt-mark hold "$package"
    is_held "$package" || { echo "kup: the hold of $package was lost" >&2; exit 70; }
done <"$holds"
check_versions "$@"
rm -f "$holds"
