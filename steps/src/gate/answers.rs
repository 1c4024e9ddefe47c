//! Does every machine answer?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K101",
    name: "nodes-answer",
    question: "Does the machine of every node answer, as the user that kup logs in as?",
    why: "What kup cannot look at it does not upgrade; a control plane that is left out would stay at the old version.",
    remedy: "see that `ssh NODE` works as the user that kup uses, with its key and without a question (--ssh-user, --ssh-identity, --ssh-option)",
    overruling: Overruling::Never,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let silent = inventory.silent.iter();
    let silent: Vec<String> =
        silent.map(|it| format!("{} ({}): {}", it.node.name, it.address, it.why)).collect();
    if silent.is_empty() {
        super::pass(format!("all {} machines answer", inventory.nodes.len()))
    } else {
        super::block(silent.join("; "), ABOUT.remedy)
    }
}
