# survey: what gates want to know of a machine. Changes nothing, and asks nobody but this machine's own API server.
# Prints one `key=value` a line:
#   kernel=6.1.0-18-amd64
#   os=<PRETTY_NAME of /etc/os-release>
#   architecture=amd64|arm64|...
#   cgroup_version=1|2|0                   (0: nobody could tell)
#   swap=<device or file>                  (one line each)
#   runtime_endpoint=<socket that kubeadm-flags.env, instance-config.yaml or config.yaml name; empty for the default>
#   images=yes|no                          (no: neither crictl nor ctr could tell)
#   image=<name of an image>               (one line each)
#   certificate:<path>=<end, seconds since 1970>   (below /etc/kubernetes/pki, embedded in its *.conf, kubelet-client-current.pem)
#   flag:<file or process>=--name=value    (kubeadm-flags.env, /etc/default/kubelet, /etc/sysconfig/kubelet, units, the running process)
#   kubelet_config=<base64 of /var/lib/kubelet/config.yaml, empty without>
#   kubelet_process=<version of the kubelet that runs, empty when none does>
#   manifest:<component>=<base64 of the static pod's manifest>
#   leftover=<name in /etc/kubernetes/tmp> (one line each)
#   patch=<name in /etc/kubernetes/patches>
#   automatic=<active unit that upgrades or reboots by itself>
#   cni=<name in /etc/cni/net.d>
#   free_inodes:<path>=<inodes left>       (a filesystem without a limit is left out)
#   api_server=yes|no                      (yes on a machine with kube-apiserver.yaml; then also)
#   api_version=<its version, empty without an answer>
#   api_unready=<what its /readyz lacks, empty when ready>
#   unreadable=<a part of this that could not be read, and why>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
kubelet=/var/lib/kubelet
api_server=/etc/kubernetes/manifests/kube-apiserver.yaml
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM

encoded() { if [ -r "$1" ]; then base64 <"$1" | tr -d '\n'; fi; }
# Prints the names in a folder that do not begin with a dot, each behind a key.
names() { if [ -d "$2" ]; then for file in "$2"/*; do if [ -e "$file" ]; then printf '%s=%s\n' "$1" "${file##*/}"; fi; done; fi; }
# Prints the value of a component's flag.
flag() { sed -n "s/^ *- ['\"]\{0,1\}--$1=//p" "$api_server" | head -n 1 | tr -d "'\""; }
briefly() { tr '\n' ' ' <"$1" | cut -c 1-200; }

architecture() { dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'; }

cgroup_version() {
    case $(stat -f -c %T /sys/fs/cgroup 2>/dev/null) in
        cgroup2fs) echo 2 ;;
        tmpfs) echo 1 ;;
        *) echo 0 ;;
    esac
}

runtime_endpoint() {
    {
        sed -n 's/.*--container-runtime-endpoint=\([^ "]*\).*/\1/p' "$kubelet/kubeadm-flags.env"
        sed -n 's/^containerRuntimeEndpoint: *//p' "$kubelet/instance-config.yaml" "$kubelet/config.yaml"
    } 2>/dev/null | tr -d "\"'" | grep . | head -n 1 || true
}

# ctr knows images by digest too; crictl is asked where there is another runtime.
images() {
    socket=${endpoint#unix://}
    case $endpoint in
        '' | *containerd*)
            timeout 5 ctr --address "${socket:-/run/containerd/containerd.sock}" --namespace k8s.io images list -q 2>/dev/null |
                grep -v '^sha256:' && return 0
            ;;
        *) ;;
    esac
    timeout 5 crictl ${endpoint:+--runtime-endpoint "$endpoint"} images 2>/dev/null |
        awk 'NR > 1 && $2 != "<none>" { print $1 ":" $2 }' | grep .
}

# Prints path and end of a certificate on stdin.
end_of() {
    end=$(openssl x509 -noout -enddate 2>/dev/null) || end=
    if [ -n "$end" ]; then
        printf '%s\n' "$1" >>"$room/paths"
        printf '%s\n' "${end#notAfter=}" >>"$room/ends"
    else
        printf 'unreadable=the certificate in %s\n' "$1"
    fi
}

certificates() {
    command -v openssl >/dev/null 2>&1 || { echo 'unreadable=certificates: there is no openssl'; return 0; }
    for file in $(find /etc/kubernetes/pki -type f -name '*.crt' 2>/dev/null | sort) "$kubelet/pki/kubelet-client-current.pem"; do
        # shellcheck disable=SC2094 # The name is printed, nothing is written there.
        if [ -e "$file" ]; then end_of "$file" <"$file"; fi
    done
    for file in /etc/kubernetes/*.conf; do
        data=$(sed -n 's/^ *client-certificate-data: *//p' "$file" 2>/dev/null | head -n 1 | tr -d '"')
        if [ -n "$data" ]; then printf '%s' "$data" | base64 -d 2>/dev/null | end_of "$file"; fi
    done
    [ -e "$room/ends" ] || return 0
    if date -u -f "$room/ends" +%s >"$room/seconds" 2>/dev/null; then
        paste -d '=' "$room/paths" "$room/seconds" | sed 's/^/certificate:/'
    else
        echo 'unreadable=certificates: this date does not understand openssl'
    fi
}

# Prints the flags in words on stdin, one a line; a value that stands in a word of its own goes with its flag.
flags() {
    tr -d '"'"'" | tr '\t\0 ' '\n\n\n' | sed -E 's/^([A-Za-z_][A-Za-z0-9_]*=)+(--)/\2/' | awk '
        /^--/ { if (name) print name; name = $0; if (name ~ /=/) { print name; name = "" }; next }
        name && NF && !/^[-$\\]/ { print name "=" $0; name = ""; next }
        name { print name; name = "" }
        END { if (name) print name }'
}

flags_in_files() {
    for file in "$kubelet/kubeadm-flags.env" /etc/default/kubelet /etc/sysconfig/kubelet /etc/systemd/system/kubelet.service \
        /usr/lib/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/*.conf /usr/lib/systemd/system/kubelet.service.d/*.conf; do
        [ -r "$file" ] || continue
        { grep -v '^[[:space:]]*[#;]' "$file" || true; } | flags | sed "s|^|flag:$file=|"
    done
}

kubelet_pid() {
    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        if [ "$name" = kubelet ]; then printf '%s\n' "${process##*/}"; return 0; fi
    done
}

kubelet_process() {
    process=/proc/$1
    flags <"$process/cmdline" >"$room/running"
    sed -n 's/^flag:[^=]*=//p' "$room/written" >"$room/known"
    { grep -vxF -f "$room/known" "$room/running" || true; } | sed 's/^/flag:process=/'
    printf 'kubelet_process=%s\n' "$(timeout 5 "$process/exe" --version 2>/dev/null | sed -n 's/^Kubernetes *//p')"
}

automatic() {
    command -v systemctl >/dev/null 2>&1 || return 0
    set -- dnf-automatic.timer dnf-automatic-install.timer dnf5-automatic.timer yum-cron.service transactional-update.timer \
        rebootmgr.service update-engine.service locksmithd.service zincati.service
    # apt's timer is everywhere; it upgrades only where it is told to.
    case $(apt-config dump --format '%v' APT::Periodic::Unattended-Upgrade 2>/dev/null) in
        '' | 0) ;;
        *) set -- apt-daily-upgrade.timer "$@" ;;
    esac
    for unit; do if systemctl --quiet is-active "$unit" 2>/dev/null; then printf 'automatic=%s\n' "$unit"; fi; done
}

free_inodes() {
    for path in /etc/kubernetes /var/lib/kubelet /var/lib/kup /var/lib/etcd /usr/bin /var/cache/apt; do
        there=$path
        while [ ! -e "$there" ]; do there=$(dirname "$there"); done
        df -Pi "$there" 2>/dev/null | awk -v path="$path" 'NR == 2 && $2 > 0 { print "free_inodes:" path "=" $4 }'
    done
}

# The API server's own client certificate for kubelets is one that it accepts itself, also where anonymous questions are not answered.
ask_api_server() {
    curl --silent --show-error --globoff --max-time 4 --noproxy '*' --cacert "$(flag client-ca-file)" \
        --cert "$(flag kubelet-client-certificate)" --key "$(flag kubelet-client-key)" "https://$address:$port$1"
}

ask_by_kubectl() {
    kubectl --kubeconfig /etc/kubernetes/admin.conf --server "https://$address:$port" --request-timeout 4s get --raw "$1" 2>&1
}

direct_answer() {
    address=$(flag advertise-address)
    port=$(flag secure-port)
    port=${port:-6443}
    case $address in *:*) address="[$address]" ;; *) ;; esac
    question=ask_api_server
    command -v curl >/dev/null 2>&1 || question=ask_by_kubectl
    version=$("$question" /version 2>"$room/why" | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p') || version=
    "$question" '/readyz?verbose' >"$room/ready" 2>"$room/why" || true
    unready=$(sed -n 's/^.*\[-\]//p' "$room/ready" | paste -s -d ';')
    if [ -z "$unready" ] && ! grep -q 'readyz check passed' "$room/ready"; then
        cat "$room/ready" "$room/why" >"$room/said"
        unready="it does not answer at https://$address:$port: $(briefly "$room/said")"
    fi
    printf 'api_version=%s\napi_unready=%s\n' "$version" "$unready"
}

# What waits for others goes beside the rest.
if [ -e "$api_server" ]; then direct_answer >"$room/direct" & fi
endpoint=$(runtime_endpoint)
images >"$room/images" &
of_images=$!
certificates >"$room/certificates" &

printf 'kernel=%s\n' "$(uname -r)"
printf 'os=%s\n' "$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"')"
printf 'architecture=%s\n' "$(architecture)"
printf 'cgroup_version=%s\n' "$(cgroup_version)"
awk 'NR > 1 { print "swap=" $1 }' /proc/swaps 2>/dev/null || echo 'unreadable=swap'
printf 'runtime_endpoint=%s\n' "$endpoint"
flags_in_files >"$room/written"
cat "$room/written"
printf 'kubelet_config=%s\n' "$(encoded "$kubelet/config.yaml")"
pid=$(kubelet_pid)
if [ -n "$pid" ]; then kubelet_process "$pid"; else echo 'kubelet_process='; fi
for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    manifest=/etc/kubernetes/manifests/$component.yaml
    if [ -r "$manifest" ]; then printf 'manifest:%s=%s\n' "$component" "$(encoded "$manifest")"; fi
done
names leftover /etc/kubernetes/tmp
names patch /etc/kubernetes/patches
names cni /etc/cni/net.d
automatic
free_inodes
if wait "$of_images"; then
    echo images=yes
    sed 's/^/image=/' "$room/images"
else
    echo images=no
fi
wait
cat "$room/certificates"
if [ -e "$room/direct" ]; then echo api_server=yes; cat "$room/direct"; else echo api_server=no; fi
