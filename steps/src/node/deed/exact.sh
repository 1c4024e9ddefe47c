# One exact transaction, simulated first, from what was downloaded before when it was. A part of scripts, see script.rs.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l
check_words() {
    [ "$#" -gt 0 ] || { echo 'kup: no packages were named' >&2; exit 64; }
    for package; do
        case $package in
            -* | =* | *= | *[!A-Za-z0-9.+:~=-]*) echo "kup: '$package' is not name=version" >&2; exit 64 ;;
            *=*) ;;
            *) echo "kup: '$package' is not name=version" >&2; exit 64 ;;
        esac
    done
}

# Ends with 66 where the transaction would do more than was asked for.
refuse_more() {
    touched=$(would_touch "$@") || { echo 'kup: nothing was changed, because the package manager refuses this transaction' >&2; exit 66; }
    more=
    for one in $touched; do
        # What kubeadm and kubelet depend on comes from the same repository and goes up with them.
        case ${one%%:*} in cri-tools | kubernetes-cni) continue ;; *) ;; esac
        asked=no
        for package; do
            if [ "${one%%:*}" = "${package%%=*}" ]; then asked=yes; fi
        done
        if [ "$asked" = no ]; then more="$more $one"; fi
    done
    if [ -n "$more" ]; then
        echo "kup: nothing was changed, because the transaction would also touch:$more" >&2
        exit 66
    fi
}

# Ends with 70 where a package did not come out as asked.
check_versions() {
    for package; do
        found=$(installed "${package%%=*}")
        if [ "$found" != "${package#*=}" ] || is_broken "${package%%=*}"; then
            echo "kup: ${package%%=*} should be installed as ${package#*=} and is: $found" >&2
            exit 70
        fi
    done
}

names() { for package; do printf '%s\n' "${package%%=*}"; done; }

own_room='' unsettled=''

# A transaction that failed leaves holds as they were; one that was killed leaves them to the next attempt.
leave() {
    for package in $unsettled; do
        now=$(installed "${package%%=*}")
        if [ -n "$now" ]; then lock_only "${package%%=*}=$now" || true; fi
    done
    if [ -n "$own_room" ]; then rm -rf "$own_room"; fi
}
trap leave EXIT
trap 'exit 1' HUP INT TERM

# Installs exactly these packages; holds are written down before and hold afterwards.
exact_transaction() {
    # Before all: finishing what was interrupted may take holds off.
    remember_holds
    unsettled=$*
    finish_interrupted
    offline=
    if ! open_filled_room "$@"; then
        mkdir -p "$home"
        own_room=$(mktemp -d "$home/.room.XXXXXX")
        open_room "$own_room"
        refresh_room || { echo 'kup: the repository cannot be read' >&2; exit 69; }
    fi
    refuse_more "$@"
    lock_too "$@"
    transact "$@"
    lock_only "$@"
    unsettled=
    check_versions "$@"
}
