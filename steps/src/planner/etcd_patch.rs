//! etcd patched before its minor changes: where a minor asks for a patch of etcd that the kubeadm before it has not installed.
//!
//! `etcd.local.imageTag` of kubeadm-config makes the *old* kubeadm take that patch, one member at a time; then the tag goes away again, so that
//! the new kubeadm chooses for itself. A tag that an operator had set before comes back: kubeadm never takes etcd back to an older one.

use kup_core::plan::{Stage, StepSpec, Wave};

use super::kubeadm_options::{Part, Verb};
use super::stages::{Stages, step};
use super::{Hop, PlanProblem, step_id};
use crate::activity::etcd_image_tag::image_tag;
use crate::facts::upstream;
use crate::inventory::{Inventory, NodeInventory};
use crate::release::{self, LeastEtcd};
use crate::version::{Version, tag_of};

impl Stages<'_> {
    /// Returns the wave that patches etcd before this hop, none where it needs no patch: one member at a time. `before` is the release that
    /// the cluster has by then. A hop that somebody has begun already is past it: its kubeadm is the new one, and would not only patch.
    pub(super) fn etcd_wave(
        &self,
        inventory: &Inventory,
        first: &NodeInventory,
        before: Version,
    ) -> Result<Option<Wave>, PlanProblem> {
        if self.hop.again {
            return Ok(None);
        }
        let stages = self.etcd_patch(inventory, first, before)?;
        let name = self.hop.wave("etcd-patch");
        let wave = Wave { name, hop: self.hop.number, max_parallel: 1, stages };
        Ok((!wave.stages.is_empty()).then_some(wave))
    }

    fn etcd_patch(
        &self,
        inventory: &Inventory,
        first: &NodeInventory,
        before: Version,
    ) -> Result<Vec<Stage>, PlanProblem> {
        let Some(least) = least_before(self.hop, before) else { return Ok(Vec::new()) };
        let tag = self.tag(least)?;
        let members: Vec<&NodeInventory> = inventory
            .nodes
            .iter()
            .filter(|node| runs_older((inventory, node), least, self.hop, before))
            .collect();
        if members.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(problem) = members.iter().find_map(|node| self.newer_kubeadm(node, before)) {
            return Err(problem);
        }
        let mut stages = vec![self.image_tag("etcd-image-tag", &tag)?];
        let is_first = |node: &&NodeInventory| node.node.name == first.node.name;
        let (begins, follow): (Vec<_>, Vec<_>) = members.into_iter().partition(is_first);
        for node in begins.into_iter().chain(follow) {
            let verb = if is_first(&node) { Verb::Apply } else { Verb::Node };
            let steps = vec![self.patch(node, verb, (before, &tag))?];
            stages.push(self.stage(&node.node.name, false, steps)?);
        }
        stages.push(self.image_tag("etcd-image-tag-back", &operators_tag(inventory))?);
        Ok(stages)
    }

    /// Returns the tag to patch to. One that an operator names is for its own minor of etcd; another minor on the way has its own patch.
    fn tag(&self, least: &LeastEtcd) -> Result<String, PlanProblem> {
        let minor = |tag: &str| upstream(tag).map(|version| (version.major, version.minor));
        let named = self.options.kubeadm.etcd_image_tag.as_ref();
        let Some(tag) = named.filter(|tag| minor(tag) == minor(&least.tag)) else {
            return Ok(least.tag.clone());
        };
        match upstream(tag) < upstream(&least.tag) {
            true => Err(PlanProblem::EtcdTag { tag: tag.clone(), least: least.version.clone() }),
            false => Ok(tag.clone()),
        }
    }

    /// A kubeadm of the next minor would write the other static pods as its own minor has them.
    fn newer_kubeadm(&self, node: &NodeInventory, before: Version) -> Option<PlanProblem> {
        let package = node.packages.version("kubeadm");
        let kubeadm = upstream(package)?;
        let is_newer = self.hop.number == 1 && kubeadm.minor > before.minor;
        let node = node.node.name.clone();
        is_newer.then_some(PlanProblem::NewerKubeadm { node, kubeadm, before })
    }

    fn patch(
        &self,
        node: &NodeInventory,
        verb: Verb,
        (before, tag): (Version, &str),
    ) -> Result<StepSpec, PlanProblem> {
        let name = &node.node.name;
        let mut params = self.call(verb, Part::Etcd, before);
        params.push(("tag", tag.to_owned()));
        let title = format!("patch etcd to {tag}, with the kubeadm of {before}");
        let mut step = step("kubeadm-etcd", name, (title, 20), &params)?;
        step.id = step_id(&format!("etcd-patch.{name}"), name)?;
        Ok(step)
    }

    fn image_tag(&self, id: &str, tag: &str) -> Result<Stage, PlanProblem> {
        let title = match tag {
            "" => "let kubeadm choose etcd again".to_owned(),
            tag => format!("let kubeadm take etcd {tag}"),
        };
        let params = [("tag", tag.to_owned())];
        let mut step = step("etcd-image-tag", "cluster", (title, 5), &params)?;
        step.id = step_id(&format!("{id}.cluster"), "cluster")?;
        self.stage("cluster", false, vec![step])
    }
}

/// Returns what a hop asks of etcd beforehand.
fn least_before(hop: &Hop, before: Version) -> Option<&'static LeastEtcd> {
    release::entered(before, hop.target).find_map(|release| release.least_etcd_before.as_ref())
}

/// Whether a node's own member is older than that, by the time this hop begins: earlier hops bring what their kubeadm installs. One whose
/// manifest is put back first may be of any age, and its step finds out.
fn runs_older(
    (inventory, node): (&Inventory, &NodeInventory),
    least: &LeastEtcd,
    hop: &Hop,
    before: Version,
) -> bool {
    let image = node.control_plane.image("etcd");
    let now = tag_of(image).and_then(upstream);
    let is_gone = image.is_empty() && inventory.has_etcd(node);
    if now.is_none() && !is_gone {
        return false;
    }
    let installed = release::images(before).and_then(|images| upstream(&images.etcd));
    let by_then = now.max(installed.filter(|_| hop.number > 1));
    by_then < upstream(&least.tag)
}

/// Returns the tag that an operator has in kubeadm-config; empty where kubeadm chooses.
fn operators_tag(inventory: &Inventory) -> String {
    let maps = inventory.survey.config_maps.as_ref().ok();
    let text = maps.and_then(|maps| maps.get("kubeadm-config")?.get("ClusterConfiguration"));
    text.and_then(|text| image_tag(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
