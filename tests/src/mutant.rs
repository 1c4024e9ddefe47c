//! The guards that keep kup safe, and how to take each away: `bin/mutants` builds kup without one of them at a time and expects some test to fail. A
//! test of the suites checks that every text below still stands in its file exactly once.

use thiserror::Error;

mod activity;
mod doctor;
mod engine;
mod journal;
mod node;

/// A guard and how to take it away.
#[derive(Debug)]
pub struct Mutant {
    /// Its name, for the command line.
    pub name: &'static str,
    /// The guard, in words that follow "without".
    pub guard: &'static str,
    /// Where it stands.
    pub file: &'static str,
    /// Its text, which stands in the file once.
    pub from: &'static str,
    /// What stands there instead.
    pub to: &'static str,
    /// The arguments of `cargo test` for the tests that should notice.
    pub tests: &'static str,
}

/// Says that a mutant does not fit its file any more.
#[derive(Debug, Error)]
#[error("the text of the mutant `{name}` stands {times} times in {file}, not once")]
pub struct Outdated {
    name: &'static str,
    file: &'static str,
    times: usize,
}

impl Mutant {
    /// Returns the file's text without the guard.
    ///
    /// # Errors
    /// [`Outdated`] when the guard's text does not stand there exactly once.
    pub fn apply(&self, text: &str) -> Result<String, Outdated> {
        match text.matches(self.from).count() {
            1 => Ok(text.replacen(self.from, self.to, 1)),
            times => Err(Outdated { name: self.name, file: self.file, times }),
        }
    }
}

/// Returns all of them, from the journal up to the nodes.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    [journal::MUTANTS, engine::MUTANTS, node::MUTANTS, activity::MUTANTS, doctor::MUTANTS]
        .into_iter()
        .flatten()
}
