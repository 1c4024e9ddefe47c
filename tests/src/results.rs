//! What a suite tried and how it ended, counted, and kept as a file of `tests/results` when `KUP_RESULTS` names a
//! folder. `matrix` makes `docs/CRASH_MATRIX.md` of these files. Shell suites write the same format: lines `# KEY: VALUE` (title,
//! command, commit, seconds), then one line a kind of case: fault, place, number of cases, end, separated by tabs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Counts the cases of one suite.
#[derive(Debug)]
pub struct Results {
    name: &'static str,
    title: &'static str,
    command: &'static str,
    began: Instant,
    rows: BTreeMap<(String, String, String), u64>,
}

impl Results {
    /// Begins to count for the suite `name` (a file name), with a title for people and the command that runs it.
    #[must_use]
    pub fn new(name: &'static str, title: &'static str, command: &'static str) -> Self {
        Self { name, title, command, began: Instant::now(), rows: BTreeMap::new() }
    }

    /// Counts one case: what was done, where, and how it ended.
    pub fn count(&mut self, fault: &str, place: &str, end: &str) {
        let plain = |text: &str| text.replace(['\t', '\n'], " ");
        *self.rows.entry((plain(fault), plain(place), plain(end))).or_default() += 1;
    }

    /// Returns how many cases were counted.
    #[must_use]
    pub fn n_cases(&self) -> u64 {
        self.rows.values().sum()
    }

    /// Writes `<suite>.tsv` into the folder that `KUP_RESULTS` names; without it, does nothing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self) -> std::io::Result<()> {
        let Some(folder) = std::env::var_os("KUP_RESULTS").map(PathBuf::from) else {
            return Ok(());
        };
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{}.tsv", self.name)), self.text())
    }

    fn text(&self) -> String {
        let commit = std::env::var_os("KUP_COMMIT").unwrap_or_else(|| "unknown".into());
        let mut text = format!(
            "# title: {}\n# command: {}\n# commit: {}\n# seconds: {}\n",
            self.title,
            self.command,
            commit.display(),
            self.began.elapsed().as_secs()
        );
        for ((fault, place, end), cases) in &self.rows {
            // Writing into a string cannot fail.
            writeln!(text, "{fault}\t{place}\t{cases}\t{end}").ok();
        }
        text
    }
}
