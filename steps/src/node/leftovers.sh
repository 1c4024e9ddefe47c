# leftovers: what kup has left on this node, of all runs. Changes nothing.
# Prints one `key=value` a line:
#   owner=<contents of /var/lib/kup/owner on one line, empty without>
#   unit:<name>=active|activating|failed|...      (each unit kup-*.service that is loaded, and its ActiveState)
#   intent:<run>/<step>.<attempt>=<seq>           (each `.intent`, and the place in the journal that it names)
#   attempt:<run>/<step>.<attempt>=running|ended|lost  (each of them: ended with an `.exit`; lost without, and nothing of it is alive)
#   backups:<run>=<KiB>
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
home=/var/lib/kup

# What ended between the questions left its exit before its lock was free.
state_of() {
    if [ -e "$1.exit" ]; then
        echo ended
    elif ! flock -n "$1.intent" true; then
        echo running
    elif [ -e "$1.exit" ]; then
        echo ended
    else
        echo lost
    fi
}

printf 'owner=%s\n' "$(head -n 1 "$home/owner" 2>/dev/null || true)"
units=$(systemctl list-units --all --plain --no-legend --full 'kup-*.service')
# Older systemds put a dot before a unit that failed.
printf '%s\n' "$units" | sed 's/^[^[:alnum:]]*//' | while read -r unit _ active _; do
    if [ -n "$unit" ]; then printf 'unit:%s=%s\n' "${unit%.service}" "$active"; fi
done
for intent in "$home"/attempts/*/*.intent; do
    [ -e "$intent" ] || continue
    base=${intent%.intent}
    name=${base#"$home/attempts/"}
    printf 'intent:%s=%s\n' "$name" "$(sed -n 's/^seq=//p' "$intent")"
    printf 'attempt:%s=%s\n' "$name" "$(state_of "$base")"
done
for folder in "$home"/backups/*; do
    [ -d "$folder" ] || continue
    printf 'backups:%s=%s\n' "${folder##*/}" "$(du -sk "$folder" | cut -f 1)"
done
