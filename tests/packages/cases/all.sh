# shellcheck shell=bash
# What all package managers must do alike. $MANAGER is one, $R its packages' release, $REPOSITORY the file; `node` makes a node at 1.30.4 with the
# repository of v1.30 and holds, `furnish` writes another repository, `everybody_upgrades` is what an operator's own upgrade does.

node
try 'packages are found with their versions' is "$(versions)" "$(old)"
try 'they are held' shows hold:kubelet=yes
try 'nothing is interrupted' shows audit=
echo '# edited' >>"$BOX/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
try 'a file that an operator has edited breaks nothing' shows state:kubeadm=ok
try 'the repository is found with its minor' shows "minor:$REPOSITORY=v1.30"

before=$(picture)
deed offers v1.30 v1.31 v1.77
try 'a minor offers all its versions, newest first' said "offer:v1.30:kubeadm=1.30.5-$R,1.30.4-$R"
try 'another minor is asked though the node is not at it' said "offer:v1.31:kubelet=1.31.3-$R,1.31.2-$R,1.31.1-$R"
try 'a minor without a repository says so' says 'unreadable:v1.77='
try 'the file is named' said "repository=$REPOSITORY"
try 'asking changes nothing' is "$(diff <(echo "$before") <(picture))" ''

deed install kubeadm="1.31.2-$R"
try 'a version that the repository does not have is refused' fails_with 66
try 'and nothing is changed' is "$(versions)" "$(old)"

deed repository v1.31
try 'the repository is switched' works
try 'what is not ours stays' grep -q 'cri-o:/stable:/v1.30/' "$BOX$REPOSITORY"
deed repository v1.31
try 'switching again finds it switched' says 'names v1.31 already'

deed install kubeadm="1.31.2-$R"
try 'kubeadm alone is installed' works
try 'and nothing else' is "$(versions)" "kubeadm=1.31.2-$R kubelet=1.30.4-$R kubectl=1.30.4-$R"
deed install kubelet="1.31.2-$R" kubectl="1.31.2-$R"
try 'then the others' is "$(versions)" "$(new)"
try 'the holds are still there' shows hold:kubelet=yes
try 'for everybody else they hold' is "$(everybody_upgrades)" "$(new)"
deed install kubelet="1.31.2-$R" kubectl="1.31.2-$R"
try 'installing again changes nothing' works

cp "$BOX$REPOSITORY" "$WORK/repository"
sed -i 's/v1\.31/v1.30/g' "$BOX$REPOSITORY"
deed downgrade "$HOLDS" kubeadm="1.30.4-$R" kubelet="1.30.4-$R" kubectl="1.30.4-$R"
try 'the way back' works
try 'to exactly the old versions' is "$(versions)" "$(old)"
try 'held as before' shows hold:kubectl=yes
try 'and for everybody else they hold' is "$(everybody_upgrades)" "$(old)"

sed -i 's/v1\.30/v1.32/g' "$BOX$REPOSITORY"
deed install kubeadm="1.32.0-$R"
try 'a transaction that would touch more is refused' fails_with 66
try 'and says what' says something-else
try 'and changes nothing' is "$(versions)" "$(old)"

node
deed repository v1.31
try 'an installation is killed in the middle' killed install kubeadm="1.31.2-$R" kubelet="1.31.2-$R" kubectl="1.31.2-$R"
deed packages
try 'which shows' says broken
deed install kubeadm="1.31.2-$R" kubelet="1.31.2-$R" kubectl="1.31.2-$R"
try 'and is finished' works
try 'as asked' is "$(versions)" "$(new)"
try 'with nothing left over' shows audit=
try 'and held' shows hold:kubelet=yes
rm "$BOX/usr/bin/kubelet"
try 'a program that is gone shows' shows state:kubelet=broken
deed install kubelet="1.31.2-$R"
try 'and is put back' works

box "$MANAGER"
furnish "http://127.0.0.1:$PORT/legacy/$FORM/"
deed install kubeadm="1.19.16-$L" kubelet="1.19.16-$L" kubectl="1.19.16-$L"
try 'a legacy repository' works
try 'has no minor' shows "minor:$REPOSITORY="
deed offers v1.19 v1.20
try 'offers a minor only its versions' said "offer:v1.20:kubeadm=1.20.2-$L"
deed install kubeadm="1.20.2-$L"
try 'and needs no switch' is "$(versions)" "kubeadm=1.20.2-$L kubelet=1.19.16-$L kubectl=1.19.16-$L"
deed repository v1.20
try 'a switch is refused there' fails_with 65

mkdir -p "$WORK/web/mirror/k8s"
cp -al "$WORK/web/v1.30" "$WORK/web/v1.31" "$WORK/web/mirror/k8s/"
box_at "http://127.0.0.1:$PORT/mirror/k8s/v1.30/$FORM/"
deed repository v1.31
try 'a mirror keeps its address but for the minor' grep -q "127.0.0.1:$PORT/mirror/k8s/v1.31/$FORM/" "$BOX$REPOSITORY"
deed install kubeadm="1.31.2-$R" kubelet="1.31.2-$R" kubectl="1.31.2-$R"
try 'and is installed from' is "$(versions)" "$(new)"

# --- Before the first cordon: packages and images
node
runtime
pulls kube-apiserver:v1.31.2 kube-controller-manager:v1.31.2 kube-scheduler:v1.31.2 kube-proxy:v1.31.2 coredns:v1.11.3 pause:3.10
words="v1.31 v1.31.2 control-plane old:kubeadm=1.30.4-$R old:kubelet=1.30.4-$R old:kubectl=1.30.4-$R"
words="$words kubeadm=1.31.2-$R kubelet=1.31.2-$R kubectl=1.31.2-$R"
# shellcheck disable=SC2086 # One word an argument.
{
deed prefetched $words
try 'nothing is there yet' said have:kubeadm=
try 'nor known' said images=unknown
try 'and asking for it leaves no trace' is "$(ls -A "$BOX/var/lib/kup/packages")" ''
before=$(picture)
deed prefetch $words
try 'an image that is neither there nor to be pulled is an error' fails_with 69
try 'that names it' says 'cannot be pulled: registry.k8s.io/etcd:3.5.15-0'
deed prefetched $words
try 'the rest is there' said 'image:registry.k8s.io/pause:3.10=yes'
try 'that one is not' said 'image:registry.k8s.io/etcd:3.5.15-0=no'
echo registry.k8s.io/etcd:3.5.15-0 >>"$BOX/images"
deed prefetch $words
try 'one that cannot be pulled and is there is well' works
try 'what is there is not downloaded again' says "v1.31 has kubeadm=1.31.2-$R"
deed prefetched $words
try 'the packages are there' said "have:kubelet=1.31.2-$R"
try 'and all images' is "$(printf '%s\n' "$OUT" | grep -c '^image:.*=yes')" 7
try 'nothing is installed, switched or held otherwise' is "$(diff <(echo "$before") <(picture))" ''
try "the folder is kup's alone" is "$(stat -c %a "$BOX/var/lib/kup/packages")" 700
deed prefetched v1.31 v1.31.2 worker kubeadm="1.31.2-$R"
try 'a worker is another question' said images=unknown
deed prefetch v1.31 v1.31.2 worker image:--image-repository=mirror.example/k8s image:-pause image:+more.example/one:1 kubeadm="1.31.2-$R"
try 'of a worker only its images are wanted, by the names of the cluster' says 'cannot be pulled: mirror.example/k8s/kube-proxy:v1.31.2 more.example/one:1'

gone
deed repository v1.31
try 'with the repository gone a switch says so' fails_with 69
deed install kubeadm="1.31.2-$R"
try 'kubeadm is installed all the same' is "$(versions)" "kubeadm=1.31.2-$R kubelet=1.30.4-$R kubectl=1.30.4-$R"
try 'the others are killed in the middle' killed install kubelet="1.31.2-$R" kubectl="1.31.2-$R"
deed install kubelet="1.31.2-$R" kubectl="1.31.2-$R"
try 'and finished' is "$(versions)" "$(new)"
deed downgrade "$HOLDS" kubeadm="1.30.4-$R" kubelet="1.30.4-$R" kubectl="1.30.4-$R"
try 'and the way back needs no repository either' is "$(versions)" "$(old)"
deed install kubeadm="1.31.1-$R"
try 'what was not downloaded needs it' fails_with 69
deed prefetched $words
find "$BOX/var/lib/kup/packages/v1.31" -name 'kubelet?1.31.2*' -exec sh -c ': >"$1"' sh {} \;
deed prefetched $words
try 'a package that is damaged is not there' said have:kubelet=
serve
deed prefetch $words
try 'and is downloaded again' works
deed prefetched $words
try 'whole' said "have:kubelet=1.31.2-$R"
}

# --- The old repository is gone before anything was brought: only the package manager's own cache has the old packages.
node
runtime
pulls kube-proxy:v1.31.2 pause:3.10
mkdir -p "${BOX:?}/$SYSTEM_CACHE"
find "$WORK/web/v1.30/$FORM" -name 'kube*1.30.4*' -exec cp {} "$BOX/$SYSTEM_CACHE/" \;
mv "$WORK/web/v1.30" "$WORK/web/away"
deed prefetch v1.31 v1.31.2 worker old:kubeadm="1.30.4-$R" old:kubelet="1.30.4-$R" kubeadm="1.31.2-$R" kubelet="1.31.2-$R"
try 'the new packages are brought without the old repository' works
status=$BOX/var/lib/dpkg/status
if [ -e "$status" ]; then cp -p "$status" "$WORK/status"; fi
deed install kubeadm="1.31.2-$R" kubelet="1.31.2-$R"
try 'and installed' is "$(versions)" "kubeadm=1.31.2-$R kubelet=1.31.2-$R kubectl=1.30.4-$R"
gone
rm -r "${BOX:?}/$SYSTEM_CACHE"
# apt tells by size and second whether it knows dpkg's status already; an installation may end within the second.
if [ -e "$status" ]; then touch -r "$WORK/status" "$status"; fi
deed downgrade "$HOLDS" kubeadm="1.30.4-$R" kubelet="1.30.4-$R"
try 'the way back is from what the cache had' is "$(versions)" "$(old)"
serve
