//! Breakages of etcd.

use kup_steps::facts::etcd::{EtcdKind, EtcdMember};
use kup_steps::sim::Appearance;

use super::control_plane::{broken, copies, image, lose};
use super::{Answer, Breakage, Mended, On};

const USUAL: On = On::USUAL;
/// The way into the minor before which etcd must be patched.
const PATCHED: On = On { cluster: "sim:3x2@v1.33.13", hops: &["v1.34.9"] };

/// All of them.
pub const ALL: [Breakage; 10] = [
    broken(
        ("K105", "a member of etcd is away", USUAL),
        |seen| member(seen, 1).status = Err("connection refused".to_owned()),
        (Answer::Blocks, "member cp2 does not answer"),
        Mended::By("mv /root/etcd.yaml /etc/kubernetes/manifests/"),
    ),
    broken(
        ("K105", "a member is away with its manifest, of which kubeadm has left a copy", USUAL),
        |seen| {
            lose(seen, "cp3", "etcd");
            copies(seen, "cp3");
            member(seen, 2).status = Err("connection refused".to_owned());
        },
        (Answer::Warns, "member cp3 does not answer: its manifest is gone"),
        Mended::By("kup start v1.36.2"),
    ),
    broken(
        ("K105", "a member was added and never started", USUAL),
        |seen| member(seen, 2).name.clear(),
        (Answer::Blocks, "was added and never started"),
        Mended::By("etcdctl member remove ID"),
    ),
    broken(
        ("K105", "etcd is full", USUAL),
        |seen| seen.etcd.as_mut().unwrap().alarms.push("NOSPACE on cp1".to_owned()),
        (Answer::Blocks, "NOSPACE on cp1"),
        Mended::By("etcdctl compact REVISION && etcdctl defrag --cluster && etcdctl alarm disarm"),
    ),
    broken(
        ("K105", "etcd is almost full", USUAL),
        |seen| member(seen, 0).status.as_mut().unwrap().db_size = 1800 << 20,
        (Answer::Blocks, "fills 87 % of its quota"),
        Mended::By("etcdctl defrag --cluster"),
    ),
    broken(
        ("K105", "nobody can ask etcd", USUAL),
        |seen| seen.etcd = Err("no certificate".to_owned()),
        (Answer::Warns, "no certificate"),
        Mended::By("kubeadm certs renew apiserver-etcd-client"),
    ),
    broken(
        ("K106", "an external etcd is too old", USUAL),
        |seen| etcd_at(seen, EtcdKind::External, "3.5.21"),
        (Answer::Blocks, "external etcd is at 3.5.21"),
        Mended::Once("etcd has been upgraded, one member at a time"),
    ),
    Breakage {
        says: &[("etcd-patch", "no")],
        ..broken(
            (
                "K106",
                "etcd is older than the next minor asks for, and the plan does not patch it",
                PATCHED,
            ),
            |seen| etcd_at(seen, EtcdKind::Stacked, "3.5.24"),
            (Answer::Blocks, "etcd is at 3.5.24 before v1.34"),
            Mended::With("--etcd-image-tag 3.5.26-0", ("etcd-patch", "yes")),
        )
    },
    broken(
        ("K106", "an upgrade is under way already, and etcd is older than it asks for", PATCHED),
        |seen| {
            etcd_at(seen, EtcdKind::Stacked, "3.5.24");
            image(seen, "cp1", "kube-apiserver", "v1.34.9");
        },
        (Answer::Blocks, "the upgrade to v1.34.9 is under way already"),
        Mended::Once("each member has been patched, one at a time"),
    ),
    broken(
        ("K137", "etcd will change its minor, and nothing could restore its snapshot", PATCHED),
        |_| (),
        (Answer::Warns, "no etcdutl is laid ready"),
        Mended::With("--etcdutl FILE", ("etcdutl", "yes")),
    ),
];

fn member(seen: &mut Appearance, index: usize) -> &mut EtcdMember {
    &mut seen.etcd.as_mut().unwrap().members[index]
}

fn etcd_at(seen: &mut Appearance, kind: EtcdKind, version: &str) {
    let etcd = seen.etcd.as_mut().unwrap();
    etcd.kind = kind;
    for member in &mut etcd.members {
        member.status.as_mut().unwrap().version = version.to_owned();
    }
}
