//! What `kup doctor` found, one finding a line: how bad it is, where, what, and what to do about it.

mod local;
mod nodes;

use std::fmt::Write;

use serde::Serialize;

pub(crate) use local::line as local_line;
pub(crate) use nodes::line as node_line;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is wrong.
    Note,
    /// Something is wrong.
    Problem,
}

/// A finding as it is printed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    severity: Severity,
    /// Whether something that kup keeps is not what was kept.
    damage: bool,
    place: String,
    what: String,
    remedy: String,
}

impl Line {
    pub(super) fn new(severity: Severity, what: impl Into<String>) -> Self {
        let (place, remedy) = (String::new(), String::new());
        Self { severity, damage: false, place, what: what.into(), remedy }
    }

    fn ok(what: impl Into<String>) -> Self {
        Self::new(Severity::Ok, what)
    }

    fn note(what: impl Into<String>) -> Self {
        Self::new(Severity::Note, what)
    }

    fn problem(what: impl Into<String>) -> Self {
        Self::new(Severity::Problem, what)
    }

    fn damage(what: impl Into<String>) -> Self {
        Self { damage: true, ..Self::problem(what) }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    fn at(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }

    /// Returns the line that says that the nodes do not stand in this report.
    pub(crate) fn nodes_not_asked(run: Option<&str>) -> Self {
        let run = run.map(|run| format!("{run} ")).unwrap_or_default();
        let line = Self::note("they were not asked");
        line.remedy(format!("`kup doctor {run}--nodes` asks them")).at("nodes")
    }

    /// Returns the line for nodes that cannot be asked at all.
    pub(crate) fn nodes_out_of_reach(why: &str) -> Self {
        Self::problem(format!("they cannot be asked: {why}")).at("nodes")
    }

    /// Returns the line for an API server that does not answer, which is usual while a run is at work.
    pub(crate) fn cordons_unknown(why: &str) -> Self {
        Self::note(format!("cordons could not be looked at: {why}")).at("API server")
    }
}

/// All that was found, and what was changed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    state_dir: String,
    findings: Vec<Line>,
    problems: usize,
    notes: usize,
    changed: Vec<String>,
}

impl Report {
    pub(crate) fn new(state_dir: String, findings: Vec<Line>, changed: Vec<String>) -> Self {
        let count = |severity| findings.iter().filter(|line| line.severity == severity).count();
        let (problems, notes) = (count(Severity::Problem), count(Severity::Note));
        Self { state_dir, findings, problems, notes, changed }
    }

    /// Tells whether something is wrong.
    pub(crate) fn has_problems(&self) -> bool {
        self.problems > 0
    }

    /// Tells whether something that kup keeps is not what was kept.
    pub(crate) fn has_damage(&self) -> bool {
        self.findings.iter().any(|line| line.damage)
    }
}

/// Returns the report as text.
pub(crate) fn text(report: &Report) -> String {
    let mut text = format!("State directory: {}\n", report.state_dir);
    for Line { severity, place, what, remedy, .. } in &report.findings {
        let word = match severity {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Problem => "problem",
        };
        // Writing into a string cannot fail.
        write!(text, "{word:<8} {place}: {what}").ok();
        if !remedy.is_empty() {
            write!(text, " -> {remedy}").ok();
        }
        text.push('\n');
    }
    let changed = match report.changed.is_empty() {
        true => "nothing was changed".to_owned(),
        false => report.changed.join("; "),
    };
    let (problems, notes) = (count(report.problems, "problem"), count(report.notes, "note"));
    text + &format!("{problems}, {notes}; {changed}\n")
}

/// Returns `1 note`, `2 notes`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
