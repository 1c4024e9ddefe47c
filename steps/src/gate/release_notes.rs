//! What should be read, and kept, before the upgrade? It never stands in the way.

use kup_core::event::Verdict;

use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K135",
    name: "release-notes",
    question: "Where do the release notes stand, and where are the applications' own backups?",
    why: "The urgent upgrade notes name what no program can check; and kup keeps what an undo of its own steps needs, not the data of applications (k/website: upgrading kubeadm clusters, \"Before you begin\").",
    remedy: "read the section \"Urgent Upgrade Notes\"; say where backups are with --app-backups WORDS, so that the plan and the journal name them",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut minors = question.entered();
    if minors.is_empty() {
        minors.push(question.target().minor);
    }
    let notes: Vec<String> = minors
        .iter()
        .map(|minor| {
            format!("https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.{minor}.md")
        })
        .collect();
    let backups = match question.params.get("app-backups").map(|words| words.trim()) {
        None | Some("") => "no backup of applications was named".to_owned(),
        Some(words) => format!("backups of applications: {words}"),
    };
    super::pass(format!("{}; {backups}", notes.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, ask_with, healthy, params, passes};

    #[test]
    fn names_the_notes_of_every_minor_on_the_way() {
        let inventory = healthy(3, 2, "v1.34.9");
        let seen = passes(ask(check, &inventory, &["v1.35.6", "v1.36.2"]));
        assert!(seen.contains("CHANGELOG-1.35.md") && seen.contains("CHANGELOG-1.36.md"), "{seen}");
        assert!(!seen.contains("1.34"), "{seen}");
        let patch = passes(ask(check, &inventory, &["v1.34.10"]));
        assert!(patch.contains("CHANGELOG-1.34.md"), "{patch}");
    }

    #[test]
    fn names_the_backups_of_applications() {
        let inventory = healthy(3, 2, "v1.35.6");
        let mut params = params(&inventory, &["v1.36.2"]);
        params.insert("app-backups".to_owned(), "velero 2026-11-24".to_owned());
        let seen = passes(ask_with(check, &inventory, &params));
        assert!(seen.contains("velero 2026-11-24"), "{seen}");
    }
}
