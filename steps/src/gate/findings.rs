//! What a gate has found, bad or doubtful, each with its remedy: and the verdict that follows.

use kup_core::event::Verdict;

/// Evidence names this many things at most.
const NAMED: usize = 10;

/// One thing that was found.
struct Finding {
    blocks: bool,
    evidence: String,
    remedy: String,
}

/// What a gate has found so far.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds what certainly breaks, or what nobody would want.
    pub(super) fn block(&mut self, evidence: impl Into<String>, remedy: impl Into<String>) {
        self.add(true, evidence.into(), remedy.into());
    }

    /// Adds what an operator should know.
    pub(super) fn warn(&mut self, evidence: impl Into<String>, remedy: impl Into<String>) {
        self.add(false, evidence.into(), remedy.into());
    }

    /// Adds that something could not be read: what nobody has seen is never taken for good.
    pub(super) fn unread(&mut self, what: &str, why: &str) {
        let remedy = "see why it cannot be read, and ask again with `kup plan`";
        self.warn(format!("nobody could tell {what}: {why}"), remedy);
    }

    fn add(&mut self, blocks: bool, evidence: String, remedy: String) {
        self.0.push(Finding { blocks, evidence, remedy });
    }

    /// Returns the verdict: the worst that was found, what blocks first; `fine` is the evidence where nothing was found.
    pub(super) fn verdict(self, fine: impl Into<String>) -> Verdict {
        let (mut found, doubtful): (Vec<_>, Vec<_>) = self.0.into_iter().partition(|it| it.blocks);
        let does_block = !found.is_empty();
        found.extend(doubtful);
        let evidence: Vec<String> = found.iter().map(|it| it.evidence.clone()).collect();
        let mut remedies: Vec<String> = Vec::new();
        for finding in found.into_iter().take(NAMED) {
            if !remedies.contains(&finding.remedy) {
                remedies.push(finding.remedy);
            }
        }
        let remedy = remedies.join("; ");
        match (evidence.is_empty(), does_block) {
            (true, _) => super::pass(fine),
            (false, false) => super::warn(some(&evidence), remedy),
            (false, true) => super::block(some(&evidence), remedy),
        }
    }
}

/// Joins what was found, at most some of it, then says how many more there are.
pub(super) fn some(found: &[String]) -> String {
    let named = found.get(..NAMED).unwrap_or(found).join("; ");
    match found.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_and_comes_first_with_each_remedy_once() {
        let mut findings = Findings::default();
        findings.warn("w1 is slow", "wait");
        findings.block("w2 is gone", "bring it back");
        findings.block("w3 is gone", "bring it back");
        let evidence = "w2 is gone; w3 is gone; w1 is slow".to_owned();
        let remedy = "bring it back; wait".to_owned();
        assert_eq!(findings.verdict("fine"), Verdict::Block { evidence, remedy });
    }

    #[test]
    fn nothing_found_passes_and_an_unread_part_does_not() {
        let evidence = "fine".to_owned();
        assert_eq!(Findings::default().verdict("fine"), Verdict::Pass { evidence });
        let mut findings = Findings::default();
        findings.unread("the leases", "403");
        assert!(matches!(findings.verdict("fine"), Verdict::Warn { .. }));
    }

    #[test]
    fn much_evidence_is_cut_and_counted() {
        let found: Vec<String> = (1..=12).map(|n| format!("w{n}")).collect();
        let told = some(&found);
        assert!(told.ends_with("w10; and 2 more") && !told.contains("w11"), "{told}");
    }
}
