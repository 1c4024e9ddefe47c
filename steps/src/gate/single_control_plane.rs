//! Does the API go on while a control plane is upgraded?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K129",
    name: "single-control-plane",
    question: "Is there more than one control plane, so that the API goes on while one is upgraded?",
    why: "kubeadm replaces etcd and the API server one after the other and restarts them; with one control plane nothing else answers meanwhile. What runs goes on, but nothing is scheduled, scaled or evicted, and clients get errors (k/website: upgrading kubeadm clusters).",
    remedy: "tell those who use the API, and upgrade when it may be away for some minutes; another control plane: `kubeadm join --control-plane`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let answered = inventory.nodes.iter().map(|node| &node.node);
    let all = answered.chain(inventory.silent.iter().map(|silent| &silent.node));
    let (control_planes, workers): (Vec<_>, Vec<_>) = all.partition(|node| node.control_plane);
    match control_planes.as_slice() {
        [only] => {
            let n_times = match question.hops.len() {
                0 | 1 => String::new(),
                several => format!(", {several} times"),
            };
            let pods = match workers.is_empty() {
                true => "its pods wait until it is back",
                false => "its pods move to workers where they may run there",
            };
            let name = &only.name;
            let evidence = format!(
                "{name} is the only control plane: the API is away for some minutes while its static pods restart{n_times}; kup waits for it, and drains {name} only to replace its kubelet: {pods}"
            );
            super::warn(evidence, ABOUT.remedy)
        }
        several => super::pass(format!("{} control planes, one at a time", several.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, healthy, passes, warns};

    #[test]
    fn warns_of_the_only_one_and_of_no_other_number() {
        let words = ["cp1 is the only control plane", "move to workers"];
        warns(ask(check, &healthy(1, 2, "v1.35.6"), &["v1.36.2"]), &words);
        let alone = healthy(1, 0, "v1.34.1");
        warns(ask(check, &alone, &["v1.35.6", "v1.36.2"]), &["2 times", "wait until it is back"]);
        passes(ask(check, &healthy(3, 2, "v1.35.6"), &["v1.36.2"]));
    }
}
