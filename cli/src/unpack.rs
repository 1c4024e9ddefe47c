//! The contents of a backup as files: pure. A tar is read whole and every name in it looked at before anything is written: a name that would
//! lead out of the folder refuses all of it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// What is in a backup.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// By where they go, seen from the folder.
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    /// Links, and where they lead: they are named and not made.
    pub(crate) links: Vec<(String, String)>,
    pub(crate) kind: Kind,
}

/// What kind of copy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Files of a node.
    Files,
    /// Objects of the API.
    Objects,
    /// Something else, as one file.
    Whole,
}

/// The name of what has no names inside.
const WHOLE: &str = "backup";

/// Takes the bytes of a backup apart; `what` is what it is a copy of.
pub(crate) fn unpack(what: &str, bytes: Vec<u8>) -> Result<Contents, String> {
    if what.starts_with('/') {
        return files(&bytes);
    }
    match serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(&bytes) {
        Ok(objects) => self::objects(objects),
        Err(_) => {
            let name = if what.to_lowercase().contains("etcd") { "snapshot.db" } else { WHOLE };
            let files = BTreeMap::from([(PathBuf::from(name), bytes)]);
            Ok(Contents { files, links: Vec::new(), kind: Kind::Whole })
        }
    }
}

fn files(bytes: &[u8]) -> Result<Contents, String> {
    let mut contents = Contents { files: BTreeMap::new(), links: Vec::new(), kind: Kind::Files };
    let mut archive = tar::Archive::new(bytes);
    let unreadable = |e: std::io::Error| format!("it is no archive: {e}");
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = plain(&entry.path().map_err(unreadable)?)?;
        let link = entry.link_name().map_err(unreadable)?.map(std::borrow::Cow::into_owned);
        match (entry.header().entry_type(), link) {
            (tar::EntryType::Directory, _) => {}
            (tar::EntryType::Regular, _) => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(unreadable)?;
                contents.files.insert(path, content);
            }
            // Two names of one file: the second one only names the first.
            (tar::EntryType::Link, Some(first)) => {
                let content = contents.files.get(&plain(&first)?).cloned().unwrap_or_default();
                contents.files.insert(path, content);
            }
            (tar::EntryType::Symlink, Some(to)) => {
                contents.links.push((shown(&path), to.display().to_string()));
            }
            (other, _) => return Err(format!("{} is no file: {other:?}", shown(&path))),
        }
    }
    Ok(contents)
}

fn objects(objects: BTreeMap<String, serde_json::Value>) -> Result<Contents, String> {
    let mut files = BTreeMap::new();
    for (name, object) in objects.into_iter().filter(|(_, object)| !object.is_null()) {
        let path = plain(Path::new(&format!("{}.json", name.replace('/', "."))))?;
        let text = serde_json::to_vec_pretty(&object).map_err(|e| e.to_string())?;
        files.insert(path, text);
    }
    Ok(Contents { files, links: Vec::new(), kind: Kind::Objects })
}

/// Returns a path that stays below where it is put; a leading slash is left away.
fn plain(path: &Path) -> Result<PathBuf, String> {
    let mut below = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => below.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(format!("the name {} in it leads elsewhere", path.display()));
            }
        }
    }
    Ok(below)
}

fn shown(path: &Path) -> String {
    format!("/{}", path.display())
}

impl Contents {
    /// Leaves only what lies at or below one of the paths; those that have nothing are returned.
    pub(crate) fn only(&mut self, paths: &[PathBuf]) -> Vec<PathBuf> {
        if paths.is_empty() {
            return Vec::new();
        }
        let asked: Vec<PathBuf> =
            paths.iter().map(|path| path.strip_prefix("/").unwrap_or(path).to_owned()).collect();
        let is_asked = |file: &PathBuf| asked.iter().any(|it| file.starts_with(it));
        self.files.retain(|file, _| is_asked(file));
        let has_none = |path: &&PathBuf| !self.files.keys().any(|file| file.starts_with(path));
        asked.iter().filter(has_none).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            // The builder refuses such names itself.
            let name = header.as_gnu_mut().unwrap();
            name.name[..path.len()].copy_from_slice(path.as_bytes());
            let is_link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
            let data = if is_link { "" } else { content };
            if is_link {
                name.linkname[..content.len()].copy_from_slice(content.as_bytes());
            }
            header.set_size(data.len() as u64);
            header.set_cksum();
            builder.append(&header, data.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn names(contents: &Contents) -> Vec<String> {
        contents.files.keys().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn files_go_below_the_folder_and_links_are_only_named() {
        use tar::EntryType::{Directory, Link, Regular, Symlink};
        let bytes = archive(&[
            ("etc/kubernetes/", Directory, ""),
            ("etc/kubernetes/admin.conf", Regular, "a"),
            ("/etc/kubernetes/again.conf", Link, "etc/kubernetes/admin.conf"),
            ("etc/kubernetes/link", Symlink, "/etc/shadow"),
        ]);
        let contents = unpack("/etc/kubernetes of cp1", bytes).unwrap();
        assert_eq!(names(&contents), ["etc/kubernetes/admin.conf", "etc/kubernetes/again.conf"]);
        assert!(contents.files.values().all(|content| content == b"a"));
        assert_eq!(contents.links, [("/etc/kubernetes/link".to_owned(), "/etc/shadow".to_owned())]);
    }

    #[test]
    fn a_name_that_leads_elsewhere_refuses_everything() {
        use tar::EntryType::{Fifo, Link, Regular};
        for bad in [
            ("../x", Regular, ""),
            ("etc/../../x", Regular, ""),
            ("x", Fifo, ""),
            ("x", Link, "../y"),
        ] {
            let bytes = archive(&[("etc/good", Regular, "a"), bad]);
            assert!(unpack("/etc of cp1", bytes).is_err(), "{bad:?}");
        }
        assert!(unpack("/etc of cp1", b"no archive".repeat(100)).is_err());
    }

    #[test]
    fn objects_are_files_of_their_own() {
        let bytes = br#"{"Deployment/coredns": {"a": 1}, "kubelet-config": null}"#.to_vec();
        let contents = unpack("CoreDNS", bytes).unwrap();
        assert_eq!(names(&contents), ["Deployment.coredns.json"]);
        assert_eq!(contents.kind, Kind::Objects);
    }

    #[test]
    fn a_snapshot_is_one_file() {
        let contents = unpack("etcd's data of cp1", vec![0, 1, 2]).unwrap();
        assert_eq!(
            (names(&contents), contents.kind),
            (vec!["snapshot.db".to_owned()], Kind::Whole)
        );
    }

    #[test]
    fn only_what_is_asked_for_stays() {
        use tar::EntryType::Regular;
        let bytes =
            archive(&[("etc/a/x", Regular, ""), ("etc/ab", Regular, ""), ("var/y", Regular, "")]);
        let mut contents = unpack("/etc of cp1", bytes).unwrap();
        let missing = contents.only(&["/etc/a".into(), "/srv".into()]);
        assert_eq!((names(&contents), missing), (vec!["etc/a/x".to_owned()], vec!["srv".into()]));
    }
}
