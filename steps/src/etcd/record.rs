//! What is remembered of a snapshot: all that a restore needs to know, and nothing secret. It stands in the notes of its step.

use std::collections::BTreeMap;

use super::Member;
use super::agreement::Agreement;

/// A snapshot as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// etcd's version.
    pub version: String,
    /// The id of etcd's cluster.
    pub cluster: String,
    /// The member that it was taken of.
    pub member: String,
    /// The node through which it came.
    pub through: String,
    /// It holds everything up to this revision at least.
    pub revision: i64,
    /// Up to this revision the members' data were compared.
    pub agreed: i64,
    /// The hash of each member that answered, as `hash@compacted`.
    pub hashes: BTreeMap<String, String>,
    /// The members that did not answer.
    pub silent: Vec<String>,
    /// All members.
    pub members: Vec<Member>,
    /// The size of the database in bytes.
    pub db_size: u64,
    /// When it was begun, in RFC 3339.
    pub taken: String,
}

impl Record {
    /// Takes over what the members have said.
    pub(crate) fn agreed(&mut self, agreement: &Agreement) {
        self.agreed = agreement.revision;
        let hashes = agreement.hashes.iter();
        self.hashes = hashes
            .map(|(name, it)| (name.clone(), format!("{:08x}@{}", it.hash, it.compacted)))
            .collect();
        self.silent = agreement.silent.keys().cloned().collect();
    }

    /// Returns the notes of a step that took it.
    #[must_use]
    pub fn notes(&self) -> Vec<(String, String)> {
        let hashes: Vec<String> =
            self.hashes.iter().map(|(name, hash)| format!("{name}={hash}")).collect();
        let note = |name: &str, value: String| (name.to_owned(), value);
        vec![
            note("etcd-version", self.version.clone()),
            note("etcd-cluster", self.cluster.clone()),
            note("member", self.member.clone()),
            note("through", self.through.clone()),
            note("revision", self.revision.to_string()),
            note("agreed-revision", self.agreed.to_string()),
            note("hashes", hashes.join(",")),
            note("silent", self.silent.join(",")),
            note("members", serde_json::to_string(&self.members).unwrap_or_default()),
            note("db-size", self.db_size.to_string()),
            note("taken", self.taken.clone()),
        ]
    }

    /// Reads the notes of a step; none where they are not those of a snapshot.
    #[must_use]
    pub fn of(notes: &[(String, String)]) -> Option<Self> {
        let text = |name: &str| {
            let note = notes.iter().find(|(key, _)| key == name);
            note.map(|(_, value)| value.clone())
        };
        let list = |name: &str| -> Option<Vec<String>> {
            let value = text(name)?;
            Some(value.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect())
        };
        let hashes = list("hashes")?;
        let hashes = hashes.iter().filter_map(|pair| pair.split_once('='));
        Some(Self {
            version: text("etcd-version")?,
            cluster: text("etcd-cluster")?,
            member: text("member")?,
            through: text("through")?,
            revision: text("revision")?.parse().ok()?,
            agreed: text("agreed-revision")?.parse().ok()?,
            hashes: hashes.map(|(name, hash)| (name.to_owned(), hash.to_owned())).collect(),
            silent: list("silent")?,
            members: serde_json::from_str(&text("members")?).ok()?,
            db_size: text("db-size")?.parse().ok()?,
            taken: text("taken")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let member = Member {
            name: "cp1".to_owned(),
            id: "8e9e05c52164694d".to_owned(),
            peers: vec!["https://10.0.0.1:2380".to_owned()],
            clients: vec!["https://10.0.0.1:2379".to_owned()],
            is_learner: false,
        };
        let record = Record {
            version: "3.5.24".to_owned(),
            cluster: "cdf818194e3a8c32".to_owned(),
            member: "cp1".to_owned(),
            through: "cp1".to_owned(),
            revision: 1234,
            agreed: 1230,
            hashes: [("cp1".to_owned(), "0000abcd@1000".to_owned())].into(),
            silent: vec!["cp2".to_owned(), "cp3".to_owned()],
            members: vec![member],
            db_size: 20 << 20,
            taken: "2026-11-28T14:02:11Z".to_owned(),
        };
        assert_eq!(Record::of(&record.notes()), Some(record));
        assert_eq!(Record::of(&[("before".to_owned(), String::new())]), None);
    }
}
