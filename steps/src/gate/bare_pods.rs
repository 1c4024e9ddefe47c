//! Are there pods that nothing makes again once they are evicted?

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::drain::DrainOptions;

pub(super) const ABOUT: About = About {
    code: "K126",
    name: "bare-pods",
    question: "Has every pod that must leave its node a controller that makes it again?",
    why: "An evicted pod without a controller is gone for good, and so is one whose DaemonSet was deleted; `kubectl drain` and kup refuse to drain its node without --force (kubectl pkg/drain/filters.go).",
    remedy: "`kubectl delete pod -n NAMESPACE POD` for those that nobody needs, a Deployment for the others; or let them go for good with --drain-force",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    // That its data is lost too is another gate's question.
    let options = DrainOptions { delete_emptydir_data: true, force: false, grace_period: None };
    let bare = match question.refused(&options) {
        Ok(bare) => bare,
        Err(why) => return unread(&why),
    };
    match (bare.is_empty(), question.says("drain-force")) {
        (true, _) => super::pass("every pod that must leave its node is made again by a controller"),
        (false, false) => super::block(super::some(&bare), ABOUT.remedy),
        (false, true) => super::warn(
            format!("gone for good, as --drain-force allows: {}", super::some(&bare)),
            "keep what you want back: `kubectl get pod -n NAMESPACE POD -o yaml >FILE`",
        ),
    }
}
