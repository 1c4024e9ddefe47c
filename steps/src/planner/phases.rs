//! The steps of kubeadm 1.32 and newer: each of its phases is a step of its own, and one closing run of the whole command follows.
//!
//! Workers keep the one command `kubeadm upgrade node`: it is short there, nothing of it takes anything away from the cluster, and only as a
//! whole does it also do what has no phase that can be called alone (the kubeconfig) and what belongs to one minor (flags of the kubelet).

use kup_core::plan::{Stage, StepSpec};

use super::kubeadm_options::{Addon, Part, Verb};
use super::stages::{Stages, step};
use super::{Hop, Options, PlanProblem};
use crate::inventory::NodeInventory;
use crate::release;
use crate::version::Version;

/// One phase as a step: the activity, what it is called in the step's id, and what it does.
struct Phase {
    activity: &'static str,
    id: &'static str,
    part: Part,
    does: &'static str,
    minutes: u64,
}

const PREFLIGHT: Phase = Phase {
    activity: "kubeadm-phase",
    id: "kubeadm-preflight",
    part: Part::Preflight,
    does: "kubeadm's own checks before an upgrade; pull the images",
    minutes: 20,
};
const CONTROL_PLANE: Phase = Phase {
    activity: "kubeadm-control-plane",
    id: "kubeadm-control-plane",
    part: Part::ControlPlane,
    does: "replace API server, controller manager and scheduler",
    minutes: 25,
};
const ETCD: Phase = Phase {
    activity: "kubeadm-etcd",
    id: "kubeadm-etcd",
    part: Part::Etcd,
    does: "replace etcd, where kubeadm has a newer one",
    minutes: 20,
};
const UPLOAD_CONFIG: Phase = Phase {
    activity: "kubeadm-upload-config",
    id: "kubeadm-upload-config",
    part: Part::UploadConfig,
    does: "write kubeadm-config and kubelet-config",
    minutes: 5,
};
const KUBELET_CONFIG: Phase = Phase {
    activity: "kubeadm-kubelet-config",
    id: "kubeadm-kubelet-config",
    part: Part::KubeletConfig,
    does: "write the kubelet's configuration",
    minutes: 5,
};
const BOOTSTRAP_TOKEN: Phase = Phase {
    activity: "kubeadm-phase",
    id: "kubeadm-bootstrap-token",
    part: Part::BootstrapToken,
    does: "write the rules by which nodes join",
    minutes: 5,
};
const ADDONS: Phase = Phase {
    activity: "kubeadm-addons",
    id: "kubeadm-addons",
    part: Part::Addons,
    does: "upgrade the addons",
    minutes: 10,
};
const POST_UPGRADE: Phase = Phase {
    activity: "kubeadm-phase",
    id: "kubeadm-post-upgrade",
    part: Part::PostUpgrade,
    does: "what this minor alone does at the end",
    minutes: 5,
};
const CLOSING: Phase = Phase {
    activity: "kubeadm-closing",
    id: "kubeadm-closing",
    part: Part::Closing,
    does: "kubeadm's whole command once more; static pods must stay as they are",
    minutes: 15,
};

/// Refuses what only the phases of kubeadm can be told where a hop has none.
pub(super) fn check(options: &Options, hops: &[Hop]) -> Result<(), PlanProblem> {
    let kubeadm = &options.kubeadm;
    let needs =
        [("--config", kubeadm.config.is_some()), ("--skip-addon", !kubeadm.skip_addons.is_empty())];
    let old = hops.iter().find(|hop| !release::has_upgrade_phases(hop.target));
    match (old, needs.into_iter().find(|(_, is_given)| *is_given)) {
        (Some(hop), Some((option, _))) => {
            Err(PlanProblem::NoPhases { option: option.to_owned(), target: hop.target })
        }
        (Some(_), None) | (None, _) => Ok(()),
    }
}

impl Stages<'_> {
    /// Whether the kubeadm of this hop can be called phase by phase.
    pub(super) fn has_phases(&self) -> bool {
        release::has_upgrade_phases(self.hop.target)
    }

    pub(super) fn first_phases(&self, node: &NodeInventory) -> Result<Vec<StepSpec>, PlanProblem> {
        let phases = [&PREFLIGHT, &CONTROL_PLANE, &ETCD, &UPLOAD_CONFIG, &KUBELET_CONFIG];
        self.phases(node, Verb::Apply, phases.into_iter().chain([&BOOTSTRAP_TOKEN]))
    }

    pub(super) fn other_phases(&self, node: &NodeInventory) -> Result<Vec<StepSpec>, PlanProblem> {
        let phases = [&PREFLIGHT, &CONTROL_PLANE, &ETCD, &KUBELET_CONFIG];
        self.phases(node, Verb::Node, phases.into_iter())
    }

    /// After the last control plane: the addons, which wait for it, and the closing run on every one.
    pub(super) fn closing<'a>(
        &self,
        first: &NodeInventory,
        others: impl Iterator<Item = &'a NodeInventory>,
    ) -> Result<Vec<Stage>, PlanProblem> {
        let addons = (!self.options.kubeadm.addons().is_empty()).then_some(&ADDONS);
        let phases = addons.into_iter().chain([&POST_UPGRADE, &CLOSING]);
        let steps = self.phases(first, Verb::Apply, phases)?;
        let mut stages = vec![self.stage(&first.node.name, false, steps)?];
        for node in others {
            let steps = self.phases(node, Verb::Node, [&CLOSING].into_iter())?;
            stages.push(self.stage(&node.node.name, false, steps)?);
        }
        Ok(stages)
    }

    fn phases<'a>(
        &self,
        node: &NodeInventory,
        verb: Verb,
        phases: impl Iterator<Item = &'a Phase>,
    ) -> Result<Vec<StepSpec>, PlanProblem> {
        let has_etcd = self.inventory.has_etcd(node);
        let phases = phases.filter(|phase| has_etcd || phase.part != Part::Etcd);
        phases.map(|phase| self.phase(node, verb, phase)).collect()
    }

    fn phase(
        &self,
        node: &NodeInventory,
        verb: Verb,
        phase: &Phase,
    ) -> Result<StepSpec, PlanProblem> {
        let kubeadm = &self.options.kubeadm;
        let mut params = self.call(verb, phase.part, self.hop.target);
        if phase.part == Part::Addons {
            let names: Vec<&str> = kubeadm.addons().into_iter().map(Addon::name).collect();
            params.push(("addons", names.join(",")));
        }
        params.extend(self.again());
        let title = phase.does.to_owned();
        let mut step = step(phase.activity, &node.node.name, (title, phase.minutes), &params)?;
        step.id = super::step_id(&format!("{}.{}", phase.id, node.node.name), &node.node.name)?;
        Ok(step)
    }

    /// Returns the parameters of a step that calls kubeadm on a control plane.
    pub(super) fn call(
        &self,
        verb: Verb,
        part: Part,
        version: Version,
    ) -> Vec<(&'static str, String)> {
        let call = self.options.kubeadm.call(verb, part, version);
        vec![
            ("version", version.to_string()),
            ("role", "control-plane".to_owned()),
            ("call", call.args.join("\n")),
            ("config", call.config),
        ]
    }

    /// Says in a step that nothing may be taken as done because it looks so.
    pub(super) fn again(&self) -> Option<(&'static str, String)> {
        let again = self.hop.again || self.options.kubeadm.force;
        again.then(|| ("again", "yes".to_owned()))
    }

    /// Returns the flags of a whole command. With a file, what else would be said stands in it.
    pub(super) fn kubeadm_flags(&self, verb: Verb) -> Vec<String> {
        let kubeadm = &self.options.kubeadm;
        match self.worker_config(verb) {
            None => kubeadm.whole_flags(verb),
            Some(_) => kubeadm.plan_flags(),
        }
    }

    /// Returns what stands in the file that a worker's `kubeadm upgrade node` gets.
    pub(super) fn worker_config(&self, verb: Verb) -> Option<String> {
        let is_worker = verb == Verb::Node && self.has_phases();
        let config = self.options.kubeadm.call(verb, Part::Whole, self.hop.target).config;
        (is_worker && !config.is_empty()).then_some(config)
    }
}

#[cfg(test)]
mod tests;
