//! Takes one guard of kup away at a time and shows that some test fails then. `cargo run -p kup-tests --bin mutants [NAME...]`
//!
//! Works on a copy of the last commit under `target/mutants`, with a target folder of its own, and leaves the work tree alone. Ends with 0 when
//! every mutant was caught. `KUP_RESULTS=DIR` keeps the results, as for the suites.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "cargo and git are real programs, and this talks to its user"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use kup_tests::mutant::{Mutant, all};
use kup_tests::results::Results;

type Failure = Box<dyn std::error::Error>;

/// A mutant that makes the tests wait for ever is caught after so many seconds.
const PATIENCE: &str = "900";

fn main() -> Result<ExitCode, Failure> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted =
        |mutant: &&Mutant| names.is_empty() || names.iter().any(|name| name == mutant.name);
    let copy = copy_of_last_commit()?;
    let title = "Guards taken away, one at a time";
    let mut results = Results::new("mutants", title, "cargo run -p kup-tests --bin mutants");
    let mut n_survived = 0;
    for mutant in all().filter(wanted) {
        let end = fate(mutant, &copy)?;
        println!("{}: {end}", mutant.name);
        n_survived += u32::from(!end.starts_with("caught"));
        results.count(&format!("without {}", mutant.guard), mutant.file, &end);
    }
    results.write()?;
    println!("{} mutants, {n_survived} not caught", results.n_cases());
    Ok(if n_survived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lays the last commit out anew. What was built before is kept, so that only what a mutant changes is built again.
fn copy_of_last_commit() -> Result<PathBuf, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let copy = root.join("target/mutants/kup");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    fs::create_dir_all(&copy)?;
    let archive = Command::new("git").current_dir(&root).args(["archive", "HEAD"]).output()?;
    let file = root.join("target/mutants/kup.tar");
    fs::write(&file, archive.stdout)?;
    let unpacked = Command::new("tar").arg("-xmf").arg(&file).arg("-C").arg(&copy).status()?;
    if archive.status.success() && unpacked.success() {
        Ok(copy)
    } else {
        Err("the last commit cannot be copied".into())
    }
}

/// Applies a mutant, runs the tests that should notice, takes it back, and says what became of it.
fn fate(mutant: &Mutant, copy: &Path) -> Result<String, Failure> {
    let path = copy.join(mutant.file);
    let original = fs::read_to_string(&path)?;
    fs::write(&path, mutant.apply(&original)?)?;
    let ran = Command::new("timeout")
        .args([PATIENCE, "cargo", "test", "--quiet"])
        .args(mutant.tests.split(' '))
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", copy.with_file_name("target"))
        .output()?;
    fs::write(&path, original)?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let failed = text.lines().find_map(|line| line.strip_prefix("---- "));
    let first = failed.and_then(|line| line.split(' ').next()).unwrap_or("an aborted run");
    Ok(match ran.status.code() {
        Some(0) => "NOT CAUGHT".to_owned(),
        Some(124) => format!("caught: `cargo test {}` waits for ever", mutant.tests),
        _ if text.contains("running ") => format!("caught by {first}"),
        _ => format!("DOES NOT BUILD: {}", String::from_utf8_lossy(&ran.stderr)),
    })
}
