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

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, ask_with, blocks, healthy, params, passes};

    #[test]
    fn blocks_unless_the_data_may_be_lost() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.pod_mut("web-7d9c5b6f4-1").empty_dirs = vec!["cache".to_owned()];
        let words = ["shop/web-7d9c5b6f4-1 on w2", "cache", "--delete-emptydir-data"];
        blocks(ask(check, &inventory, &["v1.36.2"]), &words);
        let mut params = params(&inventory, &["v1.36.2"]);
        params.insert("delete-emptydir-data".to_owned(), "yes".to_owned());
        let seen = passes(ask_with(check, &inventory, &params));
        assert!(seen.contains("shop/web-7d9c5b6f4-1"), "{seen}");
        inventory.pod_mut("web-7d9c5b6f4-1").empty_dirs.clear();
        passes(ask(check, &inventory, &["v1.36.2"]));
    }

    #[test]
    fn a_pod_without_a_controller_is_named_only_for_its_data() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.pod_mut("web-7d9c5b6f4-1").controller = None;
        passes(ask(check, &inventory, &["v1.36.2"]));
        inventory.pod_mut("web-7d9c5b6f4-1").empty_dirs = vec!["cache".to_owned()];
        blocks(ask(check, &inventory, &["v1.36.2"]), &["web-7d9c5b6f4-1"]);
    }
}
