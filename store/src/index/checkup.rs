//! Compares the index with the journals. sled writes when it opens, so a copy is opened.

use std::io;
use std::path::Path;

use kup_core::id::RunId;

use super::{FOLDER, LOCK, open_sled, read_record, still_holds};
use crate::checkup::{AboutFolder, AboutIndex, Condition};
use crate::lock::{self, Looked};
use crate::summary::RunSummary;

/// What is found, and the run that it is about.
type Found = (Option<RunId>, Condition);

/// Looks at the index of a state directory. `truth` sums a run up from its journal.
pub(crate) fn look(state_dir: &Path, truth: &dyn Fn(&RunId) -> Option<RunSummary>) -> Vec<Found> {
    let folder = state_dir.join(FOLDER);
    if !folder.exists() {
        return vec![(None, AboutIndex::Absent.into())];
    }
    match lock::look(&state_dir.join(LOCK)) {
        Ok(Looked::Held { holder }) => return vec![(None, AboutIndex::InUse { holder }.into())],
        Ok(Looked::Free { .. }) | Err(_) => {}
    }
    match read_copy(&folder) {
        Err(error) => vec![(None, AboutFolder::Inaccessible { why: error.to_string() }.into())],
        Ok(None) => vec![(None, AboutIndex::Unusable.into())],
        Ok(Some(records)) => compare(state_dir, &records, truth),
    }
}

type Records = Vec<(String, Vec<u8>)>;

fn read_copy(folder: &Path) -> io::Result<Option<Records>> {
    let copy = tempfile::tempdir()?;
    let target = copy.path().join(FOLDER);
    copy_folder(folder, &target)?;
    Ok(open_sled(&target).map(|(_database, summaries)| {
        let records = summaries.iter().filter_map(Result::ok);
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        records.map(|(key, record)| (text(&key), record.to_vec())).collect()
    }))
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir(to)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        let target = to.join(file.file_name());
        match file.file_type()?.is_dir() {
            true => copy_folder(&file.path(), &target)?,
            false => drop(std::fs::copy(file.path(), target)?),
        }
    }
    Ok(())
}

/// A record that is not made from the journal as it is now is never believed, and no finding.
fn compare(
    state_dir: &Path,
    records: &Records,
    truth: &dyn Fn(&RunId) -> Option<RunSummary>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, bytes) in records {
        let Ok(run) = name.parse::<RunId>() else { continue };
        let Some(record) = read_record(bytes) else { continue };
        let journal = state_dir.join("runs").join(name).join("journal");
        let is_believed = record.summary.run == run && still_holds(&record, &journal);
        if is_believed && truth(&run).as_ref() != Some(&record.summary) {
            found.push((Some(run), AboutIndex::Wrong.into()));
        }
    }
    if found.is_empty() {
        found.push((None, AboutIndex::Agrees { runs: records.len() as u64 }.into()));
    }
    found
}

#[cfg(test)]
mod tests {
    use kup_core::clock::Timestamp;
    use kup_core::event::{Event, Outcome, RunFinished};
    use kup_core::journal::NewEntry;

    use super::super::{Index, Record};
    use super::*;
    use crate::store::Store;
    use crate::summary;

    fn entry() -> NewEntry {
        let finished = RunFinished { outcome: Outcome::Abandoned, reason: String::new() };
        NewEntry { time: Timestamp(1), since_boot: 1, event: Event::RunFinished(finished) }
    }

    #[test]
    fn a_wrong_answer_is_found_if_it_would_be_believed() {
        let dir = tempfile::tempdir().unwrap();
        let (store, run) = (Store::open(dir.path()).unwrap(), "20261123-k3f9x2a".parse().unwrap());
        store.create(&run, vec![entry()]).map(drop).unwrap();
        let truth = |run: &RunId| {
            let walked = store.walk(run).ok()?;
            Some(summary::summarize(run, &walked.entries))
        };
        let look = || look(dir.path(), &truth);
        assert_eq!(look(), [(None, AboutIndex::Absent.into())]);

        let index = Index::open(dir.path());
        index.summaries(&store).unwrap();
        assert!(matches!(look()[..], [(None, Condition::Index(AboutIndex::InUse { .. }))]));
        let wrong = summary::unreadable(&run, "made up".into());
        let walked = store.walk(&run).unwrap();
        index.shelf.as_ref().unwrap().put(&run, &Record::new(&walked, wrong));
        drop(index);
        assert_eq!(look(), [(Some(run.clone()), AboutIndex::Wrong.into())]);

        // A journal that has grown makes the record one that nobody believes.
        store.resume(&run).unwrap().0.append_now(vec![entry()]).unwrap();
        assert_eq!(look(), [(None, AboutIndex::Agrees { runs: 1 }.into())]);
    }
}
