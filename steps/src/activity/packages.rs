//! Installs packages of a node in exact versions.
//!
//! Changes: the packages, nothing beside them; holds stay. Half-way: a transaction interrupted, some packages new. Observe: their versions and
//! state. Undo: the versions and holds from before, from the repository from before.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::attempt;
use crate::facts::PackageState;
use crate::package::{self, Installer};
use crate::world::{World, host_error};

/// The activity `packages`. Parameters: `packages` (`kubelet=1.20.2-1.1,kubectl=1.20.2-1.1`); and, not in every plan,
/// `manager` (`apt` without it) and `from`, where plain programs come from.
pub struct Packages(pub Arc<World>);

pub(super) type Pair = (String, String);

pub(super) fn pairs(text: &str) -> Vec<Pair> {
    let pair = |one: &str| {
        one.split_once('=').map(|(name, version)| (name.to_owned(), version.to_owned()))
    };
    text.split(',').filter_map(pair).collect()
}

fn pinned(pairs: &[Pair]) -> Vec<package::Pinned<'_>> {
    pairs.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect()
}

pub(super) fn join(pairs: &[Pair]) -> String {
    let one = |(name, version): &Pair| format!("{name}={version}");
    pairs.iter().map(one).collect::<Vec<_>>().join(",")
}

impl Packages {
    async fn state(&self, cx: &StepContext) -> Result<PackageState, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        PackageState::read(host, &Installer::of(cx)?).await.map_err(|e| host_error(&e))
    }
}

/// Compares what is installed with what is wanted and what was there before.
fn compare(state: &PackageState, wanted: &[Pair], cx: &StepContext) -> Found {
    let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let installed: Vec<Pair> =
        names.iter().map(|name| ((*name).to_owned(), state.version(name).to_owned())).collect();
    let held: Vec<&str> =
        cx.note("held").unwrap_or_default().split(',').filter(|n| !n.is_empty()).collect();
    let lapsed: Vec<&str> = held.into_iter().filter(|name| !state.is_held(name)).collect();
    let before = cx.note("before").map(pairs);
    let what = format!("installed: {}", join(&installed));
    if let Some(mess) = state.interrupted(&names) {
        return Found::Between { what: format!("{what}; {mess}"), repairable: true };
    }
    if !lapsed.is_empty() {
        let what = format!("{what}; no longer held: {}", lapsed.join(", "));
        return Found::Between { what, repairable: true };
    }
    if installed == wanted {
        return Found::After { what };
    }
    let Some(before) = before else { return Found::Before { what } };
    let ours = |(now, (old, new)): (&Pair, (&Pair, &Pair))| now == old || now == new;
    if !installed.iter().zip(before.iter().zip(wanted)).all(ours) {
        return Found::Foreign {
            what: format!("{what}, neither {} nor {}", join(&before), join(wanted)),
        };
    }
    if installed == before {
        Found::Before { what }
    } else {
        Found::Between { what, repairable: true }
    }
}

#[async_trait]
impl Activity for Packages {
    fn name(&self) -> &'static str {
        "packages"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["packages"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Convergent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        Ok(compare(&self.state(cx).await?, &pairs(cx.param("packages")?), cx))
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let state = self.state(cx).await?;
        let wanted = pairs(cx.param("packages")?);
        let before: Vec<Pair> =
            wanted.iter().map(|(name, _)| (name.clone(), state.version(name).to_owned())).collect();
        let held: Vec<&str> = wanted
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| state.is_held(name))
            .collect();
        let notes = vec![("before".to_owned(), join(&before)), ("held".to_owned(), held.join(","))];
        Ok(Prepared { notes, backups: Vec::new() })
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let packages = pairs(cx.param("packages")?);
        attempt::run(cx, host, Installer::of(cx)?.install(&pinned(&packages))).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::permanent(format!("the packages are not as wanted: {what}")))
            }
        }
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let before = pairs(super::need_note(cx, "before")?);
        let held: Vec<&str> =
            super::need_note(cx, "held")?.split(',').filter(|name| !name.is_empty()).collect();
        attempt::run(cx, host, Installer::of(cx)?.downgrade(&held, &pinned(&before))).await
    }
}
