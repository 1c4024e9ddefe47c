//! Copies of backups on a machine: kept once, proven by hash, and forgotten when nothing needs them.

use kup_core::id::RunId;
use kup_steps::facts::Copies;
use kup_steps::host::Host;
use kup_steps::script::{FORGET, Script};

use super::Specimens;

/// The SHA-256 of `a copy`.
const HASH: &str = "c4d233fde303cd0980ad71f6a7707ccfa37550c119be061b566edceb9c671ad1";

pub(super) async fn are_proven_and_forgotten(host: &dyn Host, run: &RunId) {
    let path = host.keep(run, "copy.tar", b"a copy").await.unwrap();
    let asked = [path.clone(), path.replace("copy", "no-copy")];
    let copies = Copies::read(host, &asked).await.unwrap().0;
    assert_eq!(copies.into_iter().collect::<Vec<_>>(), [(path, HASH.to_owned())]);
    let forget = Script::new(FORGET, [run.to_string()]);
    assert_eq!(host.tidy(&forget).await.unwrap().status, 0);
    assert_eq!(Copies::read(host, &asked).await.unwrap(), Copies::default());
    assert_eq!(host.tidy(&forget).await.unwrap().status, 0, "there is nothing left to forget");
}

pub(super) async fn are_kept_once(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).chain(*b"the first bytes").collect();
    let path = host.keep(run, "pre-image.tar", &bytes).await.unwrap();
    assert_eq!(path, format!("/var/lib/kup/backups/{run}/pre-image.tar"));
    assert_eq!(host.keep(run, "pre-image.tar", b"the second bytes").await.unwrap(), path);
    assert!(host.keep(run, "empty", b"").await.is_ok());
    let Some(print) = specimens.print else { return };
    let printed = host.ask(&print(path)).await.unwrap();
    assert!(printed.stdout == bytes, "the first bytes stay");
}

pub(super) async fn of_its_own_files_are_made_there(host: &dyn Host, run: &RunId) {
    let files = |path: &str| [path.to_owned(), "/no/such/file".to_owned()];
    let kept = host.keep_files(run, "own.tar", &files("/etc/kubernetes")).await.unwrap();
    assert_eq!(kept.path, format!("/var/lib/kup/backups/{run}/own.tar"));
    let copies = Copies::read(host, std::slice::from_ref(&kept.path)).await.unwrap().0;
    assert_eq!(copies.get(&kept.path), Some(&kept.sha256));
    assert!(kept.length > 0);
    let again = host.keep_files(run, "own.tar", &files("/etc/hosts")).await.unwrap();
    assert_eq!(again, kept, "the first copy stays");
    assert!(host.keep_files(run, "../own", &files("/etc")).await.is_err());
}
