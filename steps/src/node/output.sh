# output: prints the output of an attempt so far, its last MiB when it is longer. Changes nothing.
# Args: $1 run, $2 step, $3 attempt
set -eu
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
out=/var/lib/kup/attempts/$1/$2.$3.out
if [ -e "$out" ]; then tail -c 1048576 "$out"; fi
