//! A gate with its answer, and what the operator makes of it.

use kup_core::event::{Event, GateChecked, GateIgnored, Verdict};
use kup_steps::gate::About;
use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::error::{CliError, Exit};

/// A gate that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) about: About,
    pub(crate) verdict: Verdict,
    /// Whether the operator lets the run begin although it blocks.
    pub(crate) ignored: bool,
}

impl Asked {
    /// Whether it stands in the way.
    pub(crate) fn stops(&self) -> bool {
        matches!(self.verdict, Verdict::Block { .. }) && !self.ignored
    }

    /// Returns its answer in a word.
    pub(crate) fn word(&self) -> &'static str {
        match &self.verdict {
            Verdict::Pass { .. } => "pass",
            Verdict::Warn { .. } => "warn",
            Verdict::Block { .. } => "block",
        }
    }

    /// Returns what was seen.
    pub(crate) fn evidence(&self) -> &str {
        match &self.verdict {
            Verdict::Pass { evidence }
            | Verdict::Warn { evidence, .. }
            | Verdict::Block { evidence, .. } => evidence,
        }
    }

    /// Returns what to do about it; empty when nothing.
    pub(crate) fn remedy(&self) -> &str {
        match &self.verdict {
            Verdict::Pass { .. } => "",
            Verdict::Warn { remedy, .. } | Verdict::Block { remedy, .. } => remedy,
        }
    }
}

impl Serialize for Asked {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Gate", 6)?;
        fields.serialize_field("code", self.about.code)?;
        fields.serialize_field("name", self.about.name)?;
        fields.serialize_field("verdict", self.word())?;
        fields.serialize_field("evidence", self.evidence())?;
        fields.serialize_field("remedy", self.remedy())?;
        fields.serialize_field("ignored", &self.ignored)?;
        fields.end()
    }
}

/// Returns what the journal keeps: all answers, then what of them is ignored, and by whom.
pub(crate) fn events(asked: &[Asked], operator: &str) -> Vec<Event> {
    let checked = |it: &Asked| {
        let (gate, verdict) = (it.about.name.to_owned(), it.verdict.clone());
        Event::GateChecked(GateChecked { gate, verdict })
    };
    let ignored = |it: &Asked| {
        Event::GateIgnored(GateIgnored {
            gate: it.about.name.to_owned(),
            code: it.about.code.to_owned(),
            operator: operator.to_owned(),
            evidence: it.evidence().to_owned(),
        })
    };
    let ignoring = asked.iter().filter(|it| it.ignored).map(ignored);
    asked.iter().map(checked).chain(ignoring).collect()
}

/// Returns the error that the blocking gates are, if any blocks.
pub(crate) fn blocked(gates: &[Asked]) -> Option<CliError> {
    let blocking: Vec<&Asked> = gates.iter().filter(|gate| gate.stops()).collect();
    if blocking.is_empty() {
        return None;
    }
    let texts = |text: &dyn Fn(&Asked) -> String| blocking.iter().map(|it| text(it)).collect();
    let names: Vec<String> = texts(&|it| format!("{} ({})", it.about.code, it.about.name));
    let seen: Vec<String> = texts(&|it| format!("{}: {}", it.about.code, it.evidence()));
    let remedies: Vec<String> = texts(&|it| it.remedy().to_owned());
    let other_run = blocking.iter().all(|it| it.about.name == "no-unfinished-run");
    let exit = if other_run { Exit::Locked } else { Exit::Gate };
    let message = format!("blocked by {}: {}", names.join(", "), seen.join("; "));
    Some(CliError::unchanged(exit, message).hint(remedies.join(" · ")))
}
