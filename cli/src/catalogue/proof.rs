//! What became of the bytes of backups: here, and of the copies on nodes.

use std::collections::{BTreeMap, BTreeSet};

use kup_core::event::{MachineIdentity, RunStarted};
use kup_core::id::RunId;
use kup_core::journal::{BlobError, Blobs, Whole};
use kup_steps::facts::Copies;
use kup_steps::kept::look;
use serde::Serialize;

use super::{Form, Kept, Kind};
use crate::known::{connected, machines, newest_runs};
use crate::wiring::Session;

/// What became of the bytes of a backup, or of a copy of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Proof {
    /// They were read again, and are those that were kept.
    Good,
    /// They are encrypted, as they were written; what they are was not read, for want of an identity that opens them.
    Sealed,
    /// They are on their node only, as it was wanted.
    OnlyOnNode,
    /// They are other ones.
    Damaged,
    /// They are not there.
    Missing,
    /// They cannot be read, with the reason.
    Unreadable(String),
    /// There is no such copy.
    None,
    /// Nobody has looked.
    NotAsked,
}

/// A backup and what became of its bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Proven {
    #[serde(flatten)]
    pub(crate) kept: Kept,
    /// Here.
    pub(crate) proof: Proof,
    /// Of the copy on its node.
    pub(crate) node_proof: Proof,
}

/// Reads the bytes of a backup again, and compares them with its name.
pub(crate) async fn prove(session: &Session, kept: &Kept) -> Proof {
    if kept.form == Form::OnNode {
        return Proof::OnlyOnNode;
    }
    match session.blobs(&kept.run).verify(&kept.id).await {
        Ok(Whole::Read(_)) => Proof::Good,
        Ok(Whole::Sealed(_)) => Proof::Sealed,
        Err(error) => Proof::of(error),
    }
}

/// The same, and returns them; of a snapshot of etcd none, for it may not fit into memory.
pub(crate) async fn read(session: &Session, kept: &Kept) -> (Proof, Vec<u8>) {
    if kept.kind == Kind::EtcdSnapshot || kept.form == Form::OnNode {
        return (prove(session, kept).await, Vec::new());
    }
    match session.blobs(&kept.run).get(&kept.id).await {
        Ok(bytes) => (Proof::Good, bytes),
        Err(error) => (Proof::of(error), Vec::new()),
    }
}

impl Proof {
    fn of(error: BlobError) -> Self {
        match error {
            BlobError::Damaged(_) => Self::Damaged,
            BlobError::Missing(_) => Self::Missing,
            BlobError::Locked { .. } => Self::Sealed,
            BlobError::Refused(place) => Self::Unreadable(place),
            BlobError::Storage { place, source } => Self::Unreadable(format!("{place}: {source}")),
        }
    }
}

/// What nodes have answered, by the cluster's UID and the node's name; for the whole cluster where it cannot be reached.
type Answers = BTreeMap<(String, String), Result<Copies, String>>;

/// Asks the nodes for their copies. Each cluster's nodes are asked once, as its newest run reaches them.
pub(crate) async fn ask_nodes(session: &Session, all: &mut [Proven]) {
    let clusters: BTreeSet<String> = all.iter().map(|it| it.kept.cluster.clone()).collect();
    let newest = newest_runs(&session.state_dir, None);
    let mut answers = Answers::new();
    for (run, started) in newest.iter().filter(|(_, it)| clusters.contains(&it.cluster.uid)) {
        answers.extend(ask_cluster(session, (run, started), all).await);
    }
    for it in all {
        it.node_proof = judge(&it.kept, &answers);
    }
}

async fn ask_cluster(
    session: &Session,
    (run, started): (&RunId, &RunStarted),
    all: &[Proven],
) -> Answers {
    let uid = &started.cluster.uid;
    let key = |node: &str| (uid.clone(), node.to_owned());
    let connected = match connected(&session.state_dir, run, started).await {
        Ok(connected) => connected,
        Err(error) => return Answers::from([(key(""), Err(error.in_one_line()))]),
    };
    let paths = |machine: &MachineIdentity| -> Vec<String> {
        let is_there = |kept: &&Kept| kept.cluster == *uid && kept.target == machine.name;
        all.iter().map(|it| &it.kept).filter(is_there).filter_map(|it| it.on_node.clone()).collect()
    };
    let asked = machines(&connected, started).into_iter().map(|(machine, host)| {
        let paths = paths(&machine);
        (machine, host, paths)
    });
    let asked = asked.filter(|(_, _, paths)| !paths.is_empty()).collect();
    let answers = look(asked).await.into_iter();
    answers.map(|(node, it)| (key(&node), it.map_err(|e| e.to_record().to_string()))).collect()
}

fn judge(kept: &Kept, answers: &Answers) -> Proof {
    let Some(path) = &kept.on_node else { return Proof::None };
    let of = |node: &str| answers.get(&(kept.cluster.clone(), node.to_owned()));
    match of(&kept.target).or_else(|| of("")) {
        None => Proof::Unreadable("the cluster's newest run does not know this node".to_owned()),
        Some(Err(why)) => Proof::Unreadable(why.clone()),
        Some(Ok(copies)) => match copies.0.get(path) {
            None => Proof::Missing,
            Some(hash) if hash == kept.id.as_str() => Proof::Good,
            Some(_) => Proof::Damaged,
        },
    }
}
