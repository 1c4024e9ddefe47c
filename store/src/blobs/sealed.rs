//! The files of encrypted blobs: `<sha256>.<sha256 of the file>.age`. The first hash is the blob's name, that of its bytes before they were
//! encrypted, by which the journal knows it; the second lets the file be proved without a key. Encrypting the same bytes again makes another
//! file, so that there may be several, each as good as the other.

use std::io;
use std::path::Path;

use kup_core::id::BlobId;

use crate::disk::Disk;

const SUFFIX: &str = ".age";

/// Returns the name of an encrypted blob's file.
pub(super) fn name(id: &BlobId, sha256: &str) -> String {
    format!("{}.{sha256}{SUFFIX}", id.as_str())
}

/// Reads such a name: the blob, and the SHA-256 of the file.
pub(crate) fn parse(name: &str) -> Option<(BlobId, BlobId)> {
    let (id, sha256) = name.strip_suffix(SUFFIX)?.split_once('.')?;
    Some((id.parse().ok()?, sha256.parse().ok()?))
}

/// Returns which blob a file of this name holds, and the SHA-256 that the file must have; none where it is no blob's name.
pub(crate) fn of_name(name: &str) -> Option<(BlobId, BlobId)> {
    match name.parse::<BlobId>() {
        Ok(id) => Some((id.clone(), id)),
        Err(_) => parse(name),
    }
}

/// Whether a file of this name, as kup writes it, holds a blob, encrypted or not.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    of_name(name).is_some()
}

/// Returns the names of a blob's encrypted files, sorted.
pub(crate) fn names(disk: &dyn Disk, folder: &Path, id: &BlobId) -> io::Result<Vec<String>> {
    let listed = match disk.list(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let names = listed.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| parse(name).is_some_and(|(of, _)| of == *id)).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_bytes_and_which_file() {
        let (id, sha256): (BlobId, BlobId) =
            ("ab".repeat(32).parse().unwrap(), "cd".repeat(32).parse().unwrap());
        let sealed = name(&id, sha256.as_str());
        assert_eq!(of_name(&sealed), Some((id.clone(), sha256)));
        assert_eq!(of_name(id.as_str()), Some((id.clone(), id.clone())));
        for wrong in
            [format!("{id}.age"), format!("{id}.x.age"), format!("../{sealed}"), "x".into()]
        {
            assert_eq!(of_name(&wrong), None, "{wrong}");
        }
    }
}
