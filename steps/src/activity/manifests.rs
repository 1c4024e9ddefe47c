//! Static pod manifests compared with what they were and what they shall be. The wanted text is kubeadm's secret until it has written
//! it, so wanted is judged by the image; before is judged by the hash that `prepare` noted.

use kup_core::activity::{ActivityError, StepContext};
use kup_core::event::Found;

use crate::etcd::downgrade::Minor;
use crate::facts::{ControlPlaneState, KubeletState, STATIC_PODS, VERSIONED};
use crate::version::{image_minor, tag_of};

/// Returns the notes by which a later look tells what was before, or what was left.
pub(super) fn hashes(state: &ControlPlaneState, kubelet: &KubeletState) -> Vec<(String, String)> {
    let manifest = |c: &&str| (format!("manifest:{c}"), state.manifest(c).to_owned());
    let image = |c: &&str| (format!("image:{c}"), state.image(c).to_owned());
    let mut notes: Vec<_> =
        STATIC_PODS.iter().map(manifest).chain(STATIC_PODS.iter().map(image)).collect();
    notes.push(("kubelet:config".to_owned(), kubelet.config_hash().to_owned()));
    notes.push(("kubelet:flags".to_owned(), kubelet.flags_hash().to_owned()));
    notes
}

/// Whether an image has this tag.
pub(super) fn is_at(image: &str, version: &str) -> bool {
    tag_of(image) == Some(version)
}

fn describe(state: &ControlPlaneState) -> String {
    let one = |c: &&str| match state.image(c) {
        "" => format!("{c} has no manifest"),
        image => format!("{c} {}", tag_of(image).unwrap_or(image)),
    };
    STATIC_PODS
        .iter()
        .filter(|c| **c != "etcd" || !state.image(c).is_empty())
        .map(one)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Says what an interrupted kubeadm has left: a key without its certificate, or a manifest that is missing.
pub(super) fn damage(cx: &StepContext, state: &ControlPlaneState) -> Option<String> {
    let what = describe(state);
    let broken = state.broken_pairs();
    if !broken.is_empty() {
        return Some(format!("{what}; key and certificate differ: {}", broken.join(", ")));
    }
    let lost_etcd =
        state.image("etcd").is_empty() && cx.note("image:etcd").is_some_and(|was| !was.is_empty());
    (lost_etcd || VERSIONED.iter().any(|c| state.image(c).is_empty())).then_some(what)
}

/// Returns the components whose manifests are not those that `prepare` noted.
pub(super) fn changed(cx: &StepContext, state: &ControlPlaneState) -> Vec<&'static str> {
    let note = |c: &str| cx.note(&format!("manifest:{c}")).unwrap_or_default().to_owned();
    STATIC_PODS.into_iter().filter(|c| note(c) != state.manifest(c)).collect()
}

/// Says how far the manifests of a control plane are on their way to `version`.
pub(super) fn compare(cx: &StepContext, state: &ControlPlaneState, version: &str) -> Found {
    let what = describe(state);
    match damage(cx, state) {
        Some(what) if state.broken_pairs().is_empty() && cx.prepared.is_none() => {
            let what = format!("{what}; an upgrade by hand was interrupted here");
            return Found::Foreign { what };
        }
        Some(what) => return Found::Between { what, repairable: true },
        None => {}
    }
    let at_target = VERSIONED.iter().filter(|c| is_at(state.image(c), version)).count();
    if at_target == VERSIONED.len() {
        return Found::After { what };
    }
    let unchanged =
        |c: &&str| cx.note(&format!("manifest:{c}")).is_none_or(|was| was == state.manifest(c));
    let ours = |c: &&str| unchanged(c) || is_at(state.image(c), version);
    if !VERSIONED.iter().all(ours) {
        return Found::Foreign {
            what: format!("{what}; a manifest is neither as before nor at {version}"),
        };
    }
    if at_target == 0 && STATIC_PODS.iter().all(unchanged) {
        Found::Before { what }
    } else {
        Found::Between { what, repairable: true }
    }
}

/// Fails where kubeadm reported success and the manifests are not at `version`.
pub(super) fn must_be_at(
    cx: &StepContext,
    state: &ControlPlaneState,
    version: &str,
) -> Result<(), ActivityError> {
    match compare(cx, state, version) {
        Found::After { .. } => Ok(()),
        Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
            let why = format!("kubeadm reported success, but on {}: {what}", cx.target);
            Err(ActivityError::permanent(why))
        }
    }
}

/// Returns the version that the control plane had before the step; empty where that is not known.
pub(super) fn version_before(cx: &StepContext) -> &str {
    cx.note("image:kube-apiserver").and_then(tag_of).unwrap_or_default()
}

/// Says how far the node is on its way back: before is the pre-image, and what differs from what the run left is somebody else's.
pub(super) fn compare_for_undo(
    cx: &StepContext,
    state: &ControlPlaneState,
    kubelet_changed: bool,
) -> Found {
    let changed = changed(cx, state);
    back(cx, state, (changed, kubelet_changed))
}

/// The same for etcd alone.
pub(super) fn compare_etcd_for_undo(cx: &StepContext, state: &ControlPlaneState) -> Found {
    let changed = changed(cx, state).into_iter().filter(|component| *component == "etcd");
    back(cx, state, (changed.collect(), false))
}

/// Whether etcd was taken down to the minor of this image while it ran.
fn is_downgraded_to(cx: &StepContext, image: &str) -> bool {
    let to = cx.step.params.get(super::DOWNGRADED).and_then(|text| Minor::of(text));
    to.is_some() && to == tag_of(image).and_then(Minor::of)
}

fn back(
    cx: &StepContext,
    state: &ControlPlaneState,
    (changed, kubelet_changed): (Vec<&str>, bool),
) -> Found {
    let what = describe(state);
    let left = |c: &str| {
        let key = format!("manifest:{c}");
        cx.left.iter().find(|(name, _)| *name == key).map(|(_, hash)| hash.clone())
    };
    let etcd = (cx.note("image:etcd").unwrap_or_default(), state.image("etcd"));
    let is_both = !etcd.0.is_empty() && !etcd.1.is_empty();
    if is_both && image_minor(etcd.0) != image_minor(etcd.1) && !is_downgraded_to(cx, etcd.0) {
        let what =
            format!("{what}; etcd was at {} and an older minor does not read its data now", etcd.0);
        return Found::Foreign { what };
    }
    // Without a record of what was left (the step never completed), what is there now is taken for the run's; and what is gone holds nothing
    // that could be written over.
    let foreign = |c: &&str| {
        let now = state.manifest(c);
        !now.is_empty() && left(c).is_some_and(|hash| hash != now) && super::minds_changes(cx)
    };
    let later: Vec<&str> = changed.iter().copied().filter(|c| foreign(c)).collect();
    if !later.is_empty() {
        let what = format!("{what}; changed after the upgrade: {}", later.join(", "));
        return Found::Foreign { what };
    }
    let broken = state.broken_pairs();
    if !broken.is_empty() {
        let what = format!("{what}; key and certificate differ: {}", broken.join(", "));
        return Found::Between { what, repairable: true };
    }
    match changed.is_empty() && !kubelet_changed {
        true => Found::Before { what },
        false => Found::After { what },
    }
}
