//! Do the machines agree what time it is?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K108",
    name: "clocks",
    question: "Do the machines agree what time it is?",
    why: "Certificates and tokens that one control plane issues are not valid yet on a machine whose clock is behind: tokens get a minute of grace, no more; etcd complains of a second already (etcd rafthttp).",
    remedy: "let one time service set all: `timedatectl set-ntp true` or `systemctl restart chrony` on the machine, then look at `timedatectl`",
    overruling: Overruling::Allowed,
};

/// Machines tell whole seconds, and asking takes a moment: less than this may be no difference at all.
const WARN_SECONDS: i64 = 5;
/// Half of the grace that tokens get.
const BLOCK_SECONDS: i64 = 30;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let nodes = &question.inventory.nodes;
    let mut findings = Findings::default();
    let mut all: Vec<i64> = nodes.iter().map(ahead).collect();
    all.sort_unstable();
    // Most machines are right: the middle one is.
    let Some(middle) = all.get(all.len() / 2).copied() else {
        return findings.verdict("there is no machine to ask");
    };
    for node in nodes {
        let (name, apart) = (&node.node.name, ahead(node) - middle);
        let remedy = format!(
            "on {name}: `timedatectl set-ntp true` or `systemctl restart chrony`, then look at `timedatectl`"
        );
        if apart.abs() > BLOCK_SECONDS {
            findings.block(told(name, apart, "the other machines"), remedy);
        } else if apart.abs() > WARN_SECONDS {
            findings.warn(told(name, apart, "the other machines"), remedy);
        }
    }
    if middle.abs() > WARN_SECONDS {
        let remedy = "set the clock of the machine that runs kup: its journal names times, and its waits are counted by it";
        findings.warn(
            told("the machines' clock", middle, "the one of the machine that runs kup"),
            remedy,
        );
    }
    let apart = all.last().unwrap_or(&0) - all.first().unwrap_or(&0);
    findings.verdict(format!("the clocks of {} machines are within {apart} seconds", nodes.len()))
}

fn told(who: &str, seconds: i64, whom: &str) -> String {
    let way = if seconds < 0 { "behind" } else { "ahead of" };
    format!("{who} is {} seconds {way} {whom}", seconds.abs())
}

/// Returns how many seconds a machine's clock is ahead of the operator's at the moment of its answer.
fn ahead(node: &NodeInventory) -> i64 {
    node.facts.now - node.seen_at.0.div_euclid(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    #[test]
    fn a_machine_that_is_half_a_minute_off_blocks_and_a_few_seconds_warn() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w1").facts.now -= 31;
        blocks(ask(check, &inventory, &TO), &["w1 is 31 seconds behind", "timedatectl"]);
        inventory.node_mut("w1").facts.now += 37;
        warns(ask(check, &inventory, &TO), &["w1 is 6 seconds ahead"]);
        inventory.node_mut("w1").facts.now -= 4;
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn where_all_machines_agree_the_operators_clock_is_wrong() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        for node in &mut inventory.nodes {
            node.facts.now += 3600;
        }
        warns(ask(check, &inventory, &TO), &["3600 seconds ahead", "machine that runs kup"]);
    }
}
