//! The page of all results. Rendering is pure: files in, text out.

use std::fmt::Write;
use std::path::Path;

use thiserror::Error;

/// Says which line of which file is not a result.
#[derive(Debug, Error)]
#[error("{file}, line {line}: {why}")]
pub struct BadResults {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// One suite's results as its file has them.
#[derive(Debug, Default)]
struct Suite {
    title: String,
    command: String,
    commit: String,
    seconds: String,
    rows: Vec<[String; 4]>,
}

const HEAD: &str = "# What was killed where, and how it ended

Written by `cargo run -p kup-tests --bin crash-matrix` from the files in `tests/results`; not by hand. Each suite below was run at the
commit named with it. To run one again and write the page anew:

    KUP_RESULTS=$PWD/tests/results KUP_COMMIT=$(git rev-parse --short HEAD) COMMAND
    cargo run -p kup-tests --bin crash-matrix

";

/// Returns the names and texts of all results in a folder, in the order of their names.
///
/// # Errors
/// What the file system says.
pub fn files(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for found in std::fs::read_dir(folder)? {
        let path = found?.path();
        if path.extension().is_some_and(|ending| ending == "tsv") {
            let name = path.file_name().unwrap_or_default().display().to_string();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the page for these files, given as name and text, in their order.
///
/// # Errors
/// [`BadResults`] for the first line that cannot be read.
pub fn render(files: &[(String, String)]) -> Result<String, BadResults> {
    let suites =
        files.iter().map(|(name, text)| read(name, text)).collect::<Result<Vec<_>, _>>()?;
    let mut page = HEAD.to_owned();
    page.push_str("| suite | cases | seconds | commit |\n|---|---|---|---|\n");
    for suite in &suites {
        let cases = suite.n_cases();
        // Writing into a string cannot fail.
        writeln!(page, "| {} | {cases} | {} | {} |", suite.title, suite.seconds, suite.commit).ok();
    }
    suites.iter().for_each(|suite| suite.render(&mut page));
    Ok(page)
}

impl Suite {
    fn n_cases(&self) -> u64 {
        self.rows.iter().filter_map(|[_, _, cases, _]| cases.parse::<u64>().ok()).sum()
    }

    fn render(&self, page: &mut String) {
        let Self { title, command, .. } = self;
        let heading = "| what was done | where | cases | how it ended |\n|---|---|---|---|";
        // Writing into a string cannot fail.
        writeln!(page, "\n## {title}\n\n    {command}\n\n{heading}").ok();
        for row in &self.rows {
            let cells = row.each_ref().map(|cell| cell.replace('|', "\\|"));
            writeln!(page, "| {} |", cells.join(" | ")).ok();
        }
    }
}

fn read(file: &str, text: &str) -> Result<Suite, BadResults> {
    let mut suite = Suite::default();
    for (line, number) in text.lines().zip(1..) {
        let bad = |why| BadResults { file: file.to_owned(), line: number, why };
        match line.strip_prefix("# ").map(|line| line.split_once(": ")) {
            Some(Some(("title", value))) => value.clone_into(&mut suite.title),
            Some(Some(("command", value))) => value.clone_into(&mut suite.command),
            Some(Some(("commit", value))) => value.clone_into(&mut suite.commit),
            Some(Some(("seconds", value))) => value.clone_into(&mut suite.seconds),
            Some(Some(_) | None) => {
                return Err(bad("its key is not title, command, commit or seconds"));
            }
            None => suite.rows.push(read_row(line).map_err(bad)?),
        }
    }
    Ok(suite)
}

fn read_row(line: &str) -> Result<[String; 4], &'static str> {
    let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
    let row: [String; 4] = cells.try_into().map_err(|_| "it has not four cells")?;
    let [_, _, cases, _] = &row;
    cases.parse::<u64>().map_err(|_| "its third cell is not a number")?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        match render(&[("x.tsv".to_owned(), text.to_owned())]) {
            Ok(page) => page.strip_prefix(HEAD).unwrap().to_owned(),
            Err(bad) => bad.to_string(),
        }
    }

    #[test]
    fn a_suite_is_a_line_in_the_summary_and_a_table() {
        let text = "# title: T\n# command: c\n# commit: abc\n# seconds: 7\nkill\ta|b\t3\tresumed\nkill\tc\t4\tresumed\n";
        let expected = "| suite | cases | seconds | commit |\n|---|---|---|---|\n| T | 7 | 7 | abc |\n\n## T\n\n    c\n\n\
            | what was done | where | cases | how it ended |\n|---|---|---|---|\n| kill | a\\|b | 3 | resumed |\n| kill | c | 4 | resumed |\n";
        assert_eq!(page(text), expected);
    }

    #[test]
    fn what_is_no_result_is_named() {
        assert_eq!(page("kill\ta\t3"), "x.tsv, line 1: it has not four cells");
        assert_eq!(
            page("# title: T\nkill\ta\tx\tb"),
            "x.tsv, line 2: its third cell is not a number"
        );
        assert_eq!(
            page("# colour: T"),
            "x.tsv, line 1: its key is not title, command, commit or seconds"
        );
    }
}
