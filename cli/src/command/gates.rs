//! Asks the gates before anything is changed. Two of them only the command line can answer: it knows the runs and the state directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::ActivityError;
use kup_core::catalog::Catalog;
use kup_core::event::Verdict;
use kup_core::gate::Gate;
use kup_core::plan::Plan;
use kup_steps::gate::{self, About, Overruling, Unfinished, journal_room, no_unfinished_run};
use kup_steps::inventory::Inventory;
use kup_steps::world::IsOver;
use kup_store::RunSummary;

use crate::asked::Asked;
use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::wiring::Session;

/// Asks every gate of a plan and returns the answers as events.
pub(crate) async fn ask_all(
    session: &Session,
    inventory: &Arc<Inventory>,
    plan: &Plan,
    (take_over, ignore): (Option<String>, &[About]),
) -> Result<Vec<Asked>, CliError> {
    let catalog = catalog(session, inventory, take_over)?;
    let mut answers = Vec::new();
    for spec in &plan.gates {
        let gate = catalog.gate(spec);
        let gate = gate.map_err(|e| {
            CliError::unchanged(Exit::Unexpected, "cannot check the plan").because(&e)
        })?;
        let verdict = gate.check(&spec.params).await.unwrap_or_else(|error| Verdict::Block {
            evidence: error.to_record().to_string(),
            remedy: "make it answer, then try again".to_owned(),
        });
        let Some(about) = gate::about().find(|about| about.name == spec.gate) else { continue };
        let blocks = matches!(verdict, Verdict::Block { .. });
        let ignored = blocks && ignore.contains(&about);
        answers.push(Asked { about, verdict, ignored });
    }
    for about in ignore.iter().filter(|about| !is_ignored(&answers, about)) {
        let About { code, name, .. } = about;
        tell!("Note: {code} ({name}) does not block, so that nothing of it is ignored.");
    }
    Ok(answers)
}

fn is_ignored(answers: &[Asked], about: &About) -> bool {
    answers.iter().any(|asked| asked.ignored && asked.about == *about)
}

/// Reads `--ignore`.
pub(crate) fn ignored(codes: &[String]) -> Result<Vec<About>, CliError> {
    let one = |code: &String| {
        let about = super::explain::find(code)?;
        match about.overruling {
            Overruling::Allowed => Ok(about),
            Overruling::Never => {
                let message = format!("{} ({}) may not be ignored", about.code, about.name);
                Err(CliError::unchanged(Exit::Usage, message)
                    .cause(about.why.to_owned())
                    .hint(about.remedy))
            }
        }
    };
    codes.iter().map(one).collect()
}

/// Returns the gates alone, in a catalog.
pub(crate) fn catalog(
    session: &Session,
    inventory: &Arc<Inventory>,
    take_over: Option<String>,
) -> Result<Catalog, CliError> {
    let mut catalog = Catalog::new();
    kup_steps::gate::add_all(&mut catalog, inventory);
    catalog.add_gate(Arc::new(JournalRoom { dir: session.state_dir.clone() }));
    let unfinished = session.index().unfinished(&session.store, &inventory.cluster.uid)?;
    let owners = inventory
        .nodes
        .iter()
        .map(|n| (n.node.name.clone(), n.facts.owner.clone().unwrap_or_default()))
        .collect();
    let is_over = session.is_over(take_over);
    catalog.add_gate(Arc::new(NoUnfinishedRun { unfinished, owners, is_over }));
    Ok(catalog)
}

struct JournalRoom {
    dir: PathBuf,
}

#[async_trait]
impl Gate for JournalRoom {
    fn name(&self) -> &'static str {
        "journal-room"
    }

    fn version(&self) -> u32 {
        1
    }

    async fn check(&self, params: &BTreeMap<String, String>) -> Result<Verdict, ActivityError> {
        let shown = self.dir.display();
        let seen = rustix::fs::statvfs(&self.dir);
        let seen = seen
            .map_err(|e| ActivityError::permanent(format!("cannot look at {shown}")).because(&e))?;
        let free = seen.f_bavail.saturating_mul(seen.f_frsize) / (1024 * 1024);
        Ok(journal_room(&shown.to_string(), free, params))
    }
}

struct NoUnfinishedRun {
    unfinished: Vec<RunSummary>,
    owners: Vec<(String, String)>,
    is_over: IsOver,
}

#[async_trait]
impl Gate for NoUnfinishedRun {
    fn name(&self) -> &'static str {
        "no-unfinished-run"
    }

    fn version(&self) -> u32 {
        1
    }

    async fn check(&self, _: &BTreeMap<String, String>) -> Result<Verdict, ActivityError> {
        let here = self.unfinished.first().map(|run| Unfinished::Here {
            run: run.run.to_string(),
            to: run.to.to_string(),
            status: run.status.to_string(),
        });
        let elsewhere = || {
            self.owners.iter().find_map(|(node, owner)| {
                let run = kup_steps::host::run_of_owner(owner)?;
                let (node, owner) = (node.clone(), owner.clone());
                let foreign = Unfinished::Elsewhere { run: run.to_string(), node, owner };
                (!(self.is_over)(run)).then_some(foreign)
            })
        };
        Ok(no_unfinished_run(here.or_else(elsewhere).as_ref()))
    }
}
