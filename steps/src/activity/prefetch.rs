//! Downloads packages to a node and pulls images there, before anything moves, so that a node is away only for what cannot be done earlier.
//!
//! Changes: kup's own folder on the node and the container runtime's images; nothing is installed. Half-way: some packages, some images.
//! Observe: which are there whole. Undo: none, what was brought is in nobody's way. The packages of the versions from before are kept beside
//! the new ones where they can still be got, for a rollback without a repository.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::packages::{join, pairs};
use crate::attempt;
use crate::facts::{PackageState, Prefetched};
use crate::package::{self, Installer};
use crate::world::{World, host_error};

/// The activity `prefetch`. Parameters: `version` (`v1.20.2`), `packages` (`kubeadm=1.20.2-1.1,kubelet=1.20.2-1.1`), `minor` (`v1.20`, or empty
/// where the repository has none in its address), `role` (`control-plane` or `worker`), `images` (one word a line: flags of `kubeadm config
/// images list`, `+IMAGE` for one more, `-NAME` for one that is left out); and `manager` and `from` as with every step on packages.
pub struct Prefetch(pub Arc<World>);

fn wanted(cx: &StepContext) -> Result<package::Prefetch, ActivityError> {
    Ok(package::Prefetch {
        minor: cx.param("minor")?.to_owned(),
        version: cx.param("version")?.to_owned(),
        role: cx.param("role")?.to_owned(),
        wanted: pairs(cx.param("packages")?),
        old: cx.note("before").map(pairs).unwrap_or_default(),
        images: cx.param("images")?.lines().map(str::to_owned).collect(),
    })
}

/// Says how far the node is.
fn compare(found: &Prefetched) -> Found {
    let missing = found.missing();
    if missing.is_empty() {
        let n_images = found.images.iter().flatten().count();
        let what = format!("{} packages and {n_images} images are there", found.packages.len());
        return Found::After { what };
    }
    let what = format!("still missing: {}", missing.join(", "));
    if found.is_nothing() {
        Found::Before { what }
    } else {
        Found::Between { what, repairable: true }
    }
}

#[async_trait]
impl Activity for Prefetch {
    fn name(&self) -> &'static str {
        "prefetch"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "packages", "minor", "role", "images"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let found = Prefetched::read(host, &Installer::of(cx)?, &wanted(cx)?).await;
        found.map(|found| compare(&found)).map_err(|e| host_error(&e))
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let state = PackageState::read(host, &Installer::of(cx)?).await;
        let state = state.map_err(|e| host_error(&e))?;
        let names = wanted(cx)?.wanted.into_iter().map(|(name, _)| name);
        let before: Vec<_> = names
            .map(|name| {
                let version = state.version(&name).to_owned();
                (name, version)
            })
            .collect();
        let notes = vec![("before".to_owned(), join(&before))];
        Ok(Prepared { notes, backups: Vec::new() })
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        attempt::run(cx, host, Installer::of(cx)?.prefetch(&wanted(cx)?)).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::permanent(format!("not everything was brought: {what}")))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: Option<&str>, images: Option<[bool; 2]>) -> Found {
        let packages = [("kubeadm".to_owned(), package.map(str::to_owned))].into();
        let names = ["pause:3.10".to_owned(), "kube-proxy:v1.31.2".to_owned()];
        let images = images.map(|there| names.into_iter().zip(there).collect());
        compare(&Prefetched { packages, images })
    }

    #[test]
    fn it_is_done_when_every_package_and_every_image_is_there() {
        let what = "1 packages and 2 images are there".to_owned();
        assert_eq!(found(Some("1.31.2-1.1"), Some([true, true])), Found::After { what });
    }

    #[test]
    fn what_is_missing_is_named() {
        let what = "still missing: the package of kubeadm, the images".to_owned();
        assert_eq!(found(None, None), Found::Before { what });
        let what = "still missing: pause:3.10".to_owned();
        let half = Found::Between { what, repairable: true };
        assert_eq!(found(Some("1.31.2-1.1"), Some([false, true])), half);
        let what = "still missing: the images".to_owned();
        assert_eq!(found(Some("1.31.2-1.1"), None), Found::Between { what, repairable: true });
    }
}
