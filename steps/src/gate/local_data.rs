//! Have pods data on their node that is lost when they leave it?

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::drain::DrainOptions;

pub(super) const ABOUT: About = About {
    code: "K127",
    name: "local-data",
    question: "Is every pod that must leave its node free of data that is lost with it?",
    why: "An emptyDir volume is deleted with its pod; `kubectl drain` and kup refuse to drain its node without --delete-emptydir-data (kubectl pkg/drain/filters.go). Many hold nothing but caches.",
    remedy: "see what is in them, `kubectl exec -n NAMESPACE POD -- df`; if it may be lost: --delete-emptydir-data",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    // That nothing makes it again is another gate's question.
    let options = DrainOptions { delete_emptydir_data: false, force: true, grace_period: None };
    let with_data = match question.refused(&options) {
        Ok(with_data) => with_data,
        Err(why) => return unread(&why),
    };
    match (with_data.is_empty(), question.says("delete-emptydir-data")) {
        (true, _) => super::pass("no pod that must leave its node has an emptyDir volume"),
        (false, false) => super::block(super::some(&with_data), ABOUT.remedy),
        (false, true) => super::pass(format!(
            "lost, as --delete-emptydir-data allows: {}",
            super::some(&with_data)
        )),
    }
}
