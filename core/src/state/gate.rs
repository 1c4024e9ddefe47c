//! What is known of the gates' answers.

use super::{IllegalEntry, RunState, illegal};
use crate::event::{Entry, GateIgnored, Verdict};

impl RunState {
    /// Whether every gate of the plan in force has answered and none blocks, but for those that an operator ignores.
    #[must_use]
    pub fn gates_are_open(&self) -> bool {
        self.plan.gates.iter().all(|spec| self.gate_is_open(&spec.gate))
    }

    fn gate_is_open(&self, name: &str) -> bool {
        match self.gates.get(name) {
            None => false,
            Some(Verdict::Pass { .. } | Verdict::Warn { .. }) => true,
            Some(Verdict::Block { .. }) => self.ignored.contains_key(name),
        }
    }

    /// Only what blocks can be ignored, and only after it was seen: the journal says what the operator knew.
    pub(super) fn ignore(
        &mut self,
        entry: &Entry,
        ignored: &GateIgnored,
    ) -> Result<(), IllegalEntry> {
        self.must_be_unfinished(entry)?;
        if !matches!(self.gates.get(&ignored.gate), Some(Verdict::Block { .. })) {
            return Err(illegal(entry, &format!("the gate `{}` does not block", ignored.gate)));
        }
        self.ignored.insert(ignored.gate.clone(), ignored.clone());
        Ok(())
    }

    /// What stood in the way may be gone: it is asked again. What was open stays open, and what was ignored stays ignored.
    pub(super) fn ask_again(&mut self) {
        let closed = |state: &Self, name: &str| !state.gate_is_open(name);
        let again: Vec<String> =
            self.gates.keys().filter(|name| closed(self, name)).cloned().collect();
        for name in again {
            self.gates.remove(&name);
        }
    }
}
