# restore-swap: puts the new data of this member of etcd into the place of the old ones, which stay aside. Two renames; a kill between them
# leaves the member without data and without a manifest, and the next attempt goes on there. Args: $1 run, $2 SHA-256 of the snapshot.
# Ends with 65 while etcd runs, and with 66 where there are no new data of this snapshot.
wanted=$1
if [ "$(noted swapped)" = "$wanted" ]; then exit 0; fi
if [ "$(noted prepared)" != "$wanted" ]; then echo 'kup: the new data were not made on this node' >&2; exit 66; fi
if [ -e "$live/etcd.yaml" ] || [ -n "$(running etcd)" ]; then echo 'kup: etcd still runs here; its data were not touched' >&2; exit 65; fi
data=$(noted data)
aside=$(noted aside)
if [ -e "$aside/new/member" ]; then
    if [ -e "$data/member" ]; then
        mkdir -p "$aside/old"
        if [ -e "$aside/old/member" ]; then echo "kup: $aside/old holds data already; nothing was touched" >&2; exit 66; fi
        mv -T "$data/member" "$aside/old/member"
        sync "$aside/old" "$data"
        echo "the old data are in $aside/old"
    fi
    mv -T "$aside/new/member" "$data/member"
    sync "$aside/new" "$data"
    echo "the new data are in $data"
fi
printf '%s\n' "$wanted" | note swapped
