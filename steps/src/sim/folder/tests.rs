use super::*;
use crate::sim::birth;
use crate::sim::spec::SimSpec;

fn newborn(dir: &Path) -> Folder {
    let spec = SimSpec::new(1, 1, "v1.35.6".parse().unwrap());
    let (agenda, api, machines) = birth::world(&spec, "seed".to_owned());
    let mut folder = Folder::open(dir).unwrap();
    machines.iter().for_each(|machine| folder.write_unborn(machine).unwrap());
    folder.commit(Loaded::new(agenda), Loaded::new(api), BTreeMap::new()).unwrap();
    folder
}

/// Changes two documents in one commit.
fn change(folder: &mut Folder) {
    let (agenda, mut api) = (folder.take_agenda().unwrap(), folder.take_api().unwrap());
    let mut machine = folder.take_machine("w1").unwrap();
    api.version_counter = 7;
    machine.cut = true;
    folder.commit(agenda, api, [("w1".to_owned(), machine)].into()).unwrap();
}

#[test]
fn a_change_of_several_files_is_finished_by_the_next_one_after_a_kill() {
    for n_written in 0..=2 {
        let dir = tempfile::tempdir().unwrap();
        let names = [API.to_owned(), machine_file("w1")];
        let read = || names.clone().map(|it| fs::read_to_string(dir.path().join(it)).unwrap());
        let mut folder = newborn(dir.path());
        let old = read();
        change(&mut folder);
        let new = read();
        assert!(old[0] != new[0] && old[1] != new[1]);

        // The state after a kill: the redo file is there, and so many files were replaced.
        let redo = Redo(names.clone().into_iter().zip(new.clone()).collect());
        fs::write(dir.path().join(REDO), serde_json::to_string(&redo).unwrap()).unwrap();
        for (name, text) in names.iter().zip(&old).skip(n_written) {
            fs::write(dir.path().join(name), text).unwrap();
        }
        folder.lock().unwrap();
        assert_eq!(read(), new, "after {n_written} files");
        assert!(!dir.path().join(REDO).exists());
        // What was read before the kill is not taken for what is there now.
        assert_eq!(folder.take_api().unwrap().version_counter, 7);
        assert!(folder.take_machine("w1").unwrap().cut);
    }
}

#[test]
fn a_file_that_was_not_changed_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = newborn(dir.path());
    let written = || fs::metadata(dir.path().join(API)).unwrap().modified().unwrap();
    let before = written();
    let agenda = folder.take_agenda().unwrap();
    let mut api = folder.take_api().unwrap();
    api.version_counter = api.version_counter.saturating_add(0);
    folder.commit(agenda, api, BTreeMap::new()).unwrap();
    assert_eq!(written(), before);
}

#[test]
fn a_damaged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(newborn(dir.path()));
    fs::write(dir.path().join(API), "{").unwrap();
    let mut folder = Folder::open(dir.path()).unwrap();
    let error = folder.take_api().unwrap_err();
    assert!(error.to_string().contains(API), "{error}");
}

#[test]
fn what_another_process_has_changed_is_read_again_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = newborn(dir.path());
    let mut other = Folder::open(dir.path()).unwrap();
    folder.lock().unwrap();
    assert!(!folder.take_machine("w1").unwrap().cut);
    folder.unlock();
    other.lock().unwrap();
    change(&mut other);
    other.unlock();
    folder.lock().unwrap();
    assert!(folder.take_machine("w1").unwrap().cut);
    assert_eq!(folder.take_api().unwrap().version_counter, 7);
    // A file that is behind everybody's back says who has read it.
    fs::remove_file(dir.path().join(machine_file("cp1"))).unwrap();
    let cp1 = folder.take_machine("cp1");
    assert!(cp1.is_err(), "it was never in memory");
    let api = folder.take_api().unwrap();
    let agenda = folder.take_agenda().unwrap();
    folder.commit(agenda, api, BTreeMap::new()).unwrap();
    fs::write(dir.path().join(API), "{").unwrap();
    assert_eq!(folder.take_api().unwrap().version_counter, 7, "nobody has changed it");
}
