//! Switches a node's Kubernetes repository to the target's minor and refreshes the package lists.
//!
//! Changes: the `v1.NN` segment in the files that name a Kubernetes repository. Half-way: some files switched, or lists not refreshed (which
//! installing makes up for). Observe: the minor in the files. Undo: the files as they were.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::pre_image;
use crate::attempt;
use crate::facts::PackageState;
use crate::package::Installer;
use crate::script::{RESTORE_FILES, Script};
use crate::world::{World, host_error};

/// The activity `repository`. Parameters: `minor` (`v1.20`); and, not in every plan, `manager`.
pub struct Repository(pub Arc<World>);

impl Repository {
    async fn state(&self, cx: &StepContext) -> Result<PackageState, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        PackageState::read(host, &Installer::of(cx)?).await.map_err(|e| host_error(&e))
    }
}

#[async_trait]
impl Activity for Repository {
    fn name(&self) -> &'static str {
        "repository"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["minor"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let wanted = cx.param("minor")?;
        let state = self.state(cx).await?;
        let minors: Vec<String> =
            state.repositories.iter().filter_map(|r| r.minor.clone()).collect();
        let switched = minors.iter().filter(|minor| *minor == wanted).count();
        let what = format!("the repository is at {}", minors.join(", "));
        Ok(match (switched, minors.len()) {
            (_, 0) => {
                Found::Foreign { what: "no file names a Kubernetes repository any more".to_owned() }
            }
            (0, _) => Found::Before { what },
            // The files are switched before the lists are refreshed: an attempt that ended in between has more to do.
            (some, all) if some == all && cx.attempt > 0 && cx.step.undo_of.is_none() => {
                let what = format!("{what}; its package lists may be old");
                Found::Between { what, repairable: true }
            }
            (some, all) if some == all => Found::After { what },
            (_, _) => Found::Between { what, repairable: true },
        })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let named = self.state(cx).await?.repositories.into_iter().filter(|r| r.minor.is_some());
        let files: Vec<String> = named.map(|r| r.file).collect();
        let mut taken = pre_image::take(cx, host, &files).await?;
        taken.notes.push(("files".to_owned(), files.join(",")));
        Ok(taken)
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        attempt::run(cx, host, Installer::of(cx)?.switch_repository(cx.param("minor")?)).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let wanted = cx.param("minor")?;
        let repositories = self.state(cx).await?.repositories;
        let wrong =
            repositories.iter().find(|r| r.minor.as_deref().is_some_and(|minor| minor != wanted));
        match wrong {
            None => Ok(Proof::from(format!("the repository is at {wanted}"))),
            Some(wrong) => {
                let why = format!(
                    "the repository was not switched: {} still names another minor",
                    wrong.file
                );
                Err(ActivityError::permanent(why))
            }
        }
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let mut args = vec![pre_image::brought(cx, host).await?];
        args.extend(super::need_note(cx, "files")?.split(',').map(str::to_owned));
        attempt::run(cx, host, Script::new(RESTORE_FILES, args)).await
    }
}
