//! The program that can restore a snapshot of etcd, laid ready on every control plane before anything is changed.

use kup_core::id::BlobId;
use kup_core::plan::Wave;

use super::PlanProblem;
use super::stages::{Stages, step};
use crate::facts::etcd::EtcdKind;
use crate::inventory::Inventory;
use crate::version::tag_of;

/// The wave in which it is laid ready.
const WAVE: &str = "etcdutl";
/// How many nodes it is brought to at once.
const AT_ONCE: u32 = 4;

impl Stages<'_> {
    /// Returns the wave that brings it; none where the operator gives none.
    pub(super) fn etcdutl(
        &self,
        inventory: &Inventory,
        program: Option<&BlobId>,
    ) -> Result<Option<Wave>, PlanProblem> {
        let Some(program) = program else { return Ok(None) };
        let minor = etcd_minor(inventory).ok_or(PlanProblem::NoStackedEtcd)?;
        let mut stages = Vec::new();
        for node in inventory.nodes.iter().filter(|it| it.node.control_plane) {
            let name = &node.node.name;
            let title = format!("lay etcdutl ready, for a restore of etcd {minor}");
            let params = [("blob", program.to_string()), ("minor", minor.clone())];
            stages.push(self.stage(
                name,
                false,
                vec![step("etcdutl", name, (title, 10), &params)?],
            )?);
        }
        let (name, hop) = (self.hop.wave(WAVE), self.hop.number);
        Ok(Some(Wave { name, hop, max_parallel: AT_ONCE, stages }))
    }
}

/// Returns the minor (`3.5`) of an etcd that runs beside the API servers: what the members say themselves, else what their manifests say.
pub(crate) fn etcd_minor(inventory: &Inventory) -> Option<String> {
    let survey = inventory.etcd.as_ref().ok();
    if survey.is_some_and(|survey| survey.kind == EtcdKind::External) {
        return None;
    }
    let members = survey.into_iter().flat_map(|survey| &survey.members);
    let told = members.filter_map(|member| Some(member.status.as_ref().ok()?.version.clone()));
    let images = inventory.nodes.iter().map(|node| node.control_plane.image("etcd"));
    let tags = images.filter_map(tag_of).map(str::to_owned);
    let version = told.min().or_else(|| tags.min())?;
    Some(version.split('.').take(2).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::super::{Options, PlanProblem, plan};
    use super::*;
    use crate::inventory::sample::{at, healthy};

    fn options() -> Options {
        let etcdutl = Some("a".repeat(64).parse().unwrap());
        let hops = vec![at("v1.34.1"), at("v1.35.6")];
        Options { hops, etcdutl, max_unavailable: 1, ..Options::default() }
    }

    #[test]
    fn it_lies_on_every_control_plane_before_anything_is_changed_and_once() {
        let plan = plan(&healthy(2, 1, "v1.33.13"), &options()).unwrap();
        let waves: Vec<&str> = plan.waves.iter().map(|wave| wave.name.as_str()).collect();
        let at = waves.iter().position(|name| *name == "etcdutl to v1.34.1").unwrap();
        assert!(
            at < waves.iter().position(|name| name.starts_with("backup")).unwrap(),
            "{waves:?}"
        );
        assert_eq!(waves.iter().filter(|name| name.starts_with("etcdutl")).count(), 1);
        let targets: Vec<&str> =
            plan.waves[at].stages.iter().map(|stage| stage.target.as_str()).collect();
        assert_eq!(targets, ["cp1", "cp2"]);
        assert_eq!(plan.waves[at].stages[0].steps[0].params["minor"], "3.5");
    }

    #[test]
    fn there_is_none_for_an_etcd_elsewhere() {
        let mut inventory = healthy(1, 1, "v1.33.13");
        inventory.etcd.as_mut().unwrap().kind = EtcdKind::External;
        assert_eq!(plan(&inventory, &options()).unwrap_err(), PlanProblem::NoStackedEtcd);
    }
}
