//! Backups as tables. Their contents are named and never shown: they hold keys.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::size;
use super::table;
use crate::catalogue::{Form, Kept, OfEtcd, Proof, Proven};
use crate::freeing::FreedOn;

/// Returns the list of backups.
pub(crate) fn kept_table(all: &[Kept]) -> String {
    if all.is_empty() {
        return "There are no backups yet.\n".to_owned();
    }
    let row = |kept: &Kept| {
        let mut row = place(kept);
        let form = match kept.form {
            Form::Plain => "",
            Form::Encrypted => " (encrypted)",
            Form::OnNode => " (on its node only)",
        };
        row.push(brief(&of(kept)) + form);
        row
    };
    table(&["BACKUP", "TAKEN (UTC)", "RUN", "STEP", "SIZE", "OF"], all.iter().map(row).collect())
}

fn of(kept: &Kept) -> String {
    match &kept.etcd {
        Some(etcd) => format!("{} {} at revision {}", kept.what, etcd.version, etcd.revision),
        None => kept.what.clone(),
    }
}

/// Names the first of many files.
fn brief(what: &str) -> String {
    let paths: Vec<&str> = what.split(' ').take_while(|word| word.starts_with('/')).collect();
    match paths.split_first() {
        Some((first, more)) if more.len() > 1 => {
            let rest = what.rsplit_once(" of ").map_or("", |(_, node)| node);
            format!("{first} and {} more of {rest}", more.len())
        }
        Some(_) | None => what.to_owned(),
    }
}

fn place(kept: &Kept) -> Vec<String> {
    vec![
        kept.short().to_owned(),
        kept.taken.to_utc().format("%Y-%m-%d %H:%M:%S").to_string(),
        kept.run.to_string(),
        kept.step.to_string(),
        size(kept.size),
    ]
}

/// Returns what became of the bytes of each backup, and how many are as they were.
pub(crate) fn proofs_table(all: &[Proven]) -> String {
    if all.is_empty() {
        return "There are no backups yet.\n".to_owned();
    }
    let row = |it: &Proven| {
        let mut row = place(&it.kept);
        row.push(word(&it.proof));
        row.push(word(&it.node_proof));
        row
    };
    let mut text = table(
        &["BACKUP", "TAKEN (UTC)", "RUN", "STEP", "SIZE", "HERE", "ON ITS NODE"],
        all.iter().map(row).collect(),
    );
    let (n_good, n_all) = (count(all, |it| it.proof == Proof::Good), all.len());
    let _ = writeln!(text, "{n_good} of {n_all} are as they were kept");
    let n_sealed = count(all, |it| it.proof == Proof::Sealed);
    if n_sealed > 0 {
        let _ = writeln!(
            text,
            "{n_sealed} of {n_all} are encrypted, and their files are as they were written; what is in them was not read: --backup-identity FILE opens them"
        );
    }
    let n_there = count(all, |it| it.proof == Proof::OnlyOnNode);
    if n_there > 0 {
        let _ = writeln!(text, "{n_there} of {n_all} are on their node only, as it was wanted");
    }
    let n_copies = count(all, |it| it.node_proof != Proof::None);
    if count(all, |it| it.node_proof == Proof::NotAsked) > 0 {
        let _ =
            writeln!(text, "The nodes were not asked for their {n_copies} copies: --nodes asks");
    } else {
        let n_good = count(all, |it| it.node_proof == Proof::Good);
        let _ = writeln!(text, "{n_good} of {n_copies} copies on nodes are as they were kept");
    }
    if n_good + n_sealed + n_there < n_all {
        text += "A rollback refuses ConfigMaps that are not; files it takes from the copies on the nodes\n";
    }
    text
}

fn count(all: &[Proven], counts: impl Fn(&Proven) -> bool) -> usize {
    all.iter().filter(|it| counts(it)).count()
}

/// Says what each node has freed; those that had nothing are left out.
pub(crate) fn freed(nodes: &[FreedOn]) -> Vec<String> {
    let line = |(node, freed): &FreedOn| match freed {
        Ok(0) => None,
        Ok(kib) => Some(format!("{} freed on {node}", size(kib.saturating_mul(1024)))),
        Err(why) => {
            Some(format!("{node} keeps its copies: {why}; `kup backup prune --nodes` tries again"))
        }
    };
    nodes.iter().filter_map(line).collect()
}

/// Says what an operator types to go back to a snapshot of etcd.
pub(crate) fn runbook(snapshot: &Path) -> String {
    let snapshot = snapshot.display();
    format!(
        "An etcdutl of etcd's own minor restores it. First stop every API server and etcd member: move their manifests out of /etc/kubernetes/manifests, and keep /var/lib/etcd. Then, for each member with its own name and address, and the same list and token for all:\n\
         \x20 etcdutl snapshot status {snapshot} -w json\n\
         \x20 etcdutl snapshot restore {snapshot} --name NAME --initial-cluster NAME=https://ADDRESS:2380,... --initial-cluster-token NEW-TOKEN --initial-advertise-peer-urls https://ADDRESS:2380 --data-dir /var/lib/etcd-restored --bump-revision 1000000000 --mark-compacted\n\
         Everything written since it was taken is lost."
    )
}

fn word(proof: &Proof) -> String {
    match proof {
        Proof::Good => "good".to_owned(),
        Proof::Sealed => "encrypted, as written".to_owned(),
        Proof::OnlyOnNode => "on its node only".to_owned(),
        Proof::Damaged => "DAMAGED".to_owned(),
        Proof::Missing => "MISSING".to_owned(),
        Proof::Unreadable(why) => format!("UNREADABLE: {why}"),
        Proof::None => "-".to_owned(),
        Proof::NotAsked => "not asked".to_owned(),
    }
}

/// One backup with the names of what is in it.
#[derive(Debug, Serialize)]
pub(crate) struct Contents {
    #[serde(flatten)]
    kept: Kept,
    /// Where its bytes are on this machine.
    path: PathBuf,
    pub(crate) proof: Proof,
    /// Files with their sizes, or names of objects.
    holds: Vec<String>,
}

impl Contents {
    pub(crate) fn of(kept: Kept, proof: Proof, (path, bytes): (&Path, &[u8])) -> Self {
        let holds = files(bytes).or_else(|| objects(bytes)).unwrap_or_default();
        Self { kept, path: path.to_owned(), proof, holds }
    }
}

/// Names the files of a tar.
fn files(bytes: &[u8]) -> Option<Vec<String>> {
    let mut archive = tar::Archive::new(bytes);
    let mut names = Vec::new();
    for entry in archive.entries().ok()? {
        let entry = entry.ok()?;
        if entry.header().entry_type().is_file() {
            let path = entry.path().ok()?.display().to_string();
            names.push(format!("/{} ({})", path.trim_start_matches('/'), size(entry.size())));
        }
    }
    (!names.is_empty()).then_some(names)
}

/// Names the ConfigMaps, which are kept as one object of objects.
fn objects(bytes: &[u8]) -> Option<Vec<String>> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let name = |(name, value): (&String, &serde_json::Value)| match value.is_null() {
        true => format!("{name} (there was none)"),
        false => name.clone(),
    };
    Some(value.as_object()?.iter().map(name).collect())
}

/// Returns one backup as text.
pub(crate) fn show(shown: &Contents) -> String {
    let Contents { kept, path, proof, holds } = shown;
    let on_node = match &kept.on_node {
        Some(path) => format!("{path} on {}", kept.target),
        None => "none".to_owned(),
    };
    let lines = [
        ("Backup", kept.id.to_string()),
        ("Of", of(kept)),
        ("Taken (UTC)", kept.taken.to_utc().format("%Y-%m-%d %H:%M:%S").to_string()),
        ("Run", format!("{} from {} to {}", kept.run, kept.from, kept.to)),
        ("Before step", kept.step.to_string()),
        ("Size", size(kept.size)),
        ("Here", format!("{}: {}", path.display(), word(proof))),
        ("On its node", on_node),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{:<13}{value}", format!("{name}:"));
    }
    text += &kept.etcd.iter().map(members).collect::<String>();
    for held in holds {
        let _ = writeln!(text, "  {held}");
    }
    text
}

/// Names the members of etcd; what the snapshot holds is nobody's business.
fn members(etcd: &OfEtcd) -> String {
    let mut text = format!("Copied from member {}; the members were\n", etcd.member);
    for member in &etcd.members {
        let name = member.split(' ').next().unwrap_or_default();
        let hash = etcd.hashes.get(name).map_or("did not answer", String::as_str);
        let _ = writeln!(text, "  {member}: {hash}");
    }
    text
}
