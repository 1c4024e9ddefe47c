//! What people do beside kup: work by hand that must come first, and backups of applications. A plan names both; gates ask for them.

use kup_core::plan::Plan;

/// What people do beside kup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByHand {
    /// What must be done by hand before the upgrade.
    pub steps: Vec<String>,
    /// What of it is done: beginnings of its words.
    pub done: Vec<String>,
    /// Where the backups of applications are.
    pub backups: Option<String>,
}

impl ByHand {
    /// Says to the gates of a plan what is known.
    #[must_use]
    pub fn tell(&self, mut plan: Plan) -> Plan {
        let backups = self.backups.clone().into_iter().collect();
        let params =
            [("manual", &self.steps), ("manual-done", &self.done), ("app-backups", &backups)];
        for gate in &mut plan.gates {
            for (name, words) in params.iter().filter(|(_, words)| !words.is_empty()) {
                gate.params.insert((*name).to_owned(), words.join("\n"));
            }
        }
        plan
    }

    /// Returns what is done of which there is nothing to do: a slip of the pen.
    #[must_use]
    pub fn done_without_step(&self) -> Option<&str> {
        let known = |done: &&String| self.steps.iter().any(|step| step.starts_with(done.as_str()));
        self.done.iter().find(|done| !known(done)).map(String::as_str)
    }
}
