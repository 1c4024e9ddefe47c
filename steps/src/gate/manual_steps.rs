//! Has the operator done what must be done by hand?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K134",
    name: "manual-steps",
    question: "Is everything done that must be done by hand before the upgrade?",
    why: "kubeadm does not upgrade the pod network (CNI), storage drivers, or anything else that was installed beside it; some of it must be upgraded first (k/website: upgrading kubeadm clusters, \"Additional resources\").",
    remedy: "do it, then say so with --manual-done WORDS; a beginning of its words is enough",
    overruling: Overruling::Allowed,
};

/// The parameters are lists, a line for each: `manual` what is to be done, `manual-done` what is done.
pub(super) fn check(question: &Question<'_>) -> Verdict {
    let lines = |param: &str| {
        let text = question.params.get(param).map(String::as_str).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let (steps, done) = (lines("manual"), lines("manual-done"));
    let is_open = |step: &&str| !done.iter().any(|done| step.starts_with(done));
    let open: Vec<String> =
        steps.iter().copied().filter(is_open).map(|step| format!("`{step}`")).collect();
    if !open.is_empty() {
        let evidence = format!("to be done by hand, and not said to be done: {}", open.join("; "));
        return super::block(evidence, ABOUT.remedy);
    }
    super::pass(match steps.as_slice() {
        [] => "nothing was named with --manual; the pod network (CNI) is never upgraded by kup"
            .to_owned(),
        steps => format!("done by hand: {}", steps.join("; ")),
    })
}

#[cfg(test)]
mod tests {
    use kup_core::event::Verdict;

    use super::check;
    use crate::inventory::sample::{ask_with, blocks, healthy, params, passes};

    fn with(manual: &str, done: &str) -> Verdict {
        let inventory = healthy(3, 2, "v1.35.6");
        let mut params = params(&inventory, &["v1.36.2"]);
        params.insert("manual".to_owned(), manual.to_owned());
        params.insert("manual-done".to_owned(), done.to_owned());
        ask_with(check, &inventory, &params)
    }

    #[test]
    fn blocks_until_every_step_is_said_to_be_done() {
        let steps = "upgrade Calico to 3.32\ntell the shop";
        blocks(with(steps, ""), &["upgrade Calico to 3.32", "tell the shop", "--manual-done"]);
        blocks(with(steps, "upgrade Calico"), &["tell the shop"]);
        passes(with(steps, "upgrade Calico\ntell the shop"));
        passes(with("", ""));
    }

    #[test]
    fn no_words_and_other_words_are_no_confirmation() {
        blocks(with("upgrade Calico", "\n \n"), &["upgrade Calico"]);
        blocks(with("upgrade Calico", "Calico"), &["upgrade Calico"]);
    }
}
