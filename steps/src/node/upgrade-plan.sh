# upgrade-plan: prints what `kubeadm upgrade plan VERSION` says, and ends with its status. Changes nothing that lasts.
# Args: $1 version (v1.20.2), further: flags for kubeadm
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
version=$1
shift
status=0
kubeadm upgrade plan "$version" "$@" </dev/null || status=$?
exit "$status"
