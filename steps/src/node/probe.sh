# probe: may we work here at all? Asked once per connection, before anything else. Changes nothing.
# Prints one `key=value` a line:
#   uid=0
#   sudo=yes|no              (`sudo -n` gives root without a password; yes for root)
#   sudo_says=<why not>
#   systemd=yes|no           (it is PID 1)
#   missing=flock,systemd-run,...   (programs kup cannot do without; empty when all are there)
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

uid=$(id -u)
sudo=yes says=
if [ "$uid" != 0 ]; then
    says=$(sudo -n true 2>&1) || sudo=no
fi
systemd=no
if [ -d /run/systemd/system ]; then systemd=yes; fi
missing=
for program in flock sha256sum sync tar systemctl systemd-run; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing,$program"
done

printf 'uid=%s\nsudo=%s\n' "$uid" "$sudo"
printf 'sudo_says=%s\n' "$(printf '%s' "$says" | head -n 1 | cut -c 1-300)"
printf 'systemd=%s\nmissing=%s\n' "$systemd" "${missing#,}"
