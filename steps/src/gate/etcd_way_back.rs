//! Is there a way back once etcd itself has changed its minor?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};
use crate::etcd::downgrade::Minor;
use crate::planner::etcd_minor;
use crate::release;

pub(super) const ABOUT: About = About {
    code: "K137",
    name: "etcd-way-back",
    question: "Can the snapshot of etcd be restored, where nothing else leads back?",
    why: "kubeadm takes etcd to the minor of the release, and an older etcd does not read what a newer one has written: then only a restored snapshot leads back. Since 3.6 no program in etcd's image can restore one (etcd: etcdutl/snapshot; kubernetes: cluster/images/etcd/Makefile), and at night is no time to look for it.",
    remedy: "give the etcdutl of etcd's present minor, from etcd's release of that minor: `kup start VERSION --etcdutl FILE`; it is laid ready on every control plane, and used only by `kup rollback --restore-etcd`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let Some(minor) = etcd_minor(question.inventory) else {
        return super::pass("etcd is not upgraded with the control plane");
    };
    let changes = question.hops.iter().find_map(|hop| {
        let etcd = &release::images(*hop)?.etcd;
        // kubeadm never takes etcd to an older version.
        (Minor::of(etcd) > Minor::of(&minor)).then(|| (*hop, etcd.clone()))
    });
    let staged = question.params.get("etcdutl").is_some_and(|it| it == "yes");
    match (changes, staged) {
        (None, false) => {
            super::pass(format!("etcd stays at {minor}: files and packages lead back"))
        }
        (_, true) => {
            super::pass(format!("an etcdutl for {minor} is laid ready on every control plane"))
        }
        (Some((hop, etcd)), false) => super::warn(
            format!(
                "{hop} takes etcd from {minor} to {etcd}, and no etcdutl is laid ready: from there on `kup rollback` leads nowhere"
            ),
            ABOUT.remedy,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, ask_with, healthy, params, passes, warns};

    #[test]
    fn warns_where_etcd_changes_its_minor_and_nothing_could_restore_it() {
        let inventory = healthy(3, 2, "v1.33.13");
        warns(
            ask(check, &inventory, &["v1.34.9"]),
            &["takes etcd from 3.5 to 3.6", "leads nowhere"],
        );
        let mut staged = params(&inventory, &["v1.34.9"]);
        staged.insert("etcdutl".to_owned(), "yes".to_owned());
        passes(ask_with(check, &inventory, &staged));
        passes(ask(check, &healthy(3, 2, "v1.35.6"), &["v1.36.2"]));
        let mut newer = healthy(3, 2, "v1.33.13");
        for member in &mut newer.etcd.as_mut().unwrap().members {
            member.status.as_mut().unwrap().version = "3.7.1".to_owned();
        }
        passes(ask(check, &newer, &["v1.34.9"]));
    }
}
