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
        (true, _) => {
            super::pass("every pod that must leave its node is made again by a controller")
        }
        (false, false) => super::block(super::some(&bare), ABOUT.remedy),
        (false, true) => super::warn(
            format!("gone for good, as --drain-force allows: {}", super::some(&bare)),
            "keep what you want back: `kubectl get pod -n NAMESPACE POD -o yaml >FILE`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, ask_with, blocks, healthy, params, passes, warns};

    fn with_bare_pod() -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.pod_mut("web-7d9c5b6f4-0").controller = None;
        inventory
    }

    #[test]
    fn blocks_unless_it_is_allowed() {
        let inventory = with_bare_pod();
        let words = ["shop/web-7d9c5b6f4-0 on w1", "no controller", "--drain-force"];
        blocks(ask(check, &inventory, &["v1.36.2"]), &words);
        let mut params = params(&inventory, &["v1.36.2"]);
        params.insert("drain-force".to_owned(), "yes".to_owned());
        warns(ask_with(check, &inventory, &params), &["gone for good", "web-7d9c5b6f4-0"]);
    }

    #[test]
    fn data_that_is_lost_is_another_gates_question() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.pod_mut("web-7d9c5b6f4-0").empty_dirs = vec!["cache".to_owned()];
        passes(ask(check, &inventory, &["v1.36.2"]));
        inventory.pod_mut("web-7d9c5b6f4-0").controller = None;
        blocks(ask(check, &inventory, &["v1.36.2"]), &["no controller"]);
    }

    #[test]
    fn a_pod_whose_daemon_set_is_gone_is_one_too() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let workloads = inventory.survey.workloads.as_mut().unwrap();
        workloads.retain(|workload| workload.kind != "DaemonSet");
        let words = ["kube-proxy-w1", "DaemonSet kube-proxy, which is gone"];
        blocks(ask(check, &inventory, &["v1.36.2"]), &words);
    }

    #[test]
    fn what_has_ended_or_stays_is_none() {
        let mut inventory = with_bare_pod();
        inventory.pod_mut("web-7d9c5b6f4-0").phase = "Succeeded".to_owned();
        passes(ask(check, &inventory, &["v1.36.2"]));
        // The node is at the target already, so that it is not drained.
        let mut inventory = with_bare_pod();
        inventory.node_mut("w1").node.kubelet_version = "v1.35.6".to_owned();
        inventory.node_mut("w2").node.kubelet_version = "v1.34.1".to_owned();
        passes(ask(check, &inventory, &["v1.35.6"]));
    }

    #[test]
    fn says_when_the_pods_could_not_be_read() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.pods = Err("forbidden".to_owned());
        warns(ask(check, &inventory, &["v1.36.2"]), &["the pods: forbidden"]);
    }
}
