//! Does every machine answer?

use kup_core::event::Verdict;

use super::findings::Findings;
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
    let mut findings = Findings::default();
    for it in &inventory.silent {
        let (name, address, why) = (&it.node.name, &it.address, &it.why);
        findings.block(format!("{name} ({address}): {why}"), ABOUT.remedy);
    }
    for node in &inventory.nodes {
        for part in &node.survey.unreadable {
            findings.unread(&format!("all of {}", node.node.name), part);
        }
    }
    findings.verdict(format!("all {} machines answer", inventory.nodes.len()))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::SilentNode;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    #[test]
    fn a_machine_that_does_not_answer_blocks_until_it_does() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let gone = inventory.nodes.pop().unwrap();
        let (node, address) = (gone.node.clone(), gone.address.clone());
        let why = "Permission denied (publickey)".to_owned();
        inventory.silent.push(SilentNode { node, address, why });
        blocks(ask(check, &inventory, &TO), &["w2 (10.0.0.15): Permission denied", "ssh NODE"]);
        inventory.silent.clear();
        inventory.nodes.push(gone);
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn a_part_that_a_machine_could_not_read_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w1").survey.unreadable.push("swap: no /proc/swaps".to_owned());
        warns(ask(check, &inventory, &TO), &["w1", "no /proc/swaps"]);
    }
}
