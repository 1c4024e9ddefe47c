# kubelet-stop: stops the kubelet. Containers go on without it. No args.
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
systemctl stop kubelet.service
echo 'the kubelet is stopped'
