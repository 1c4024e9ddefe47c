//! What is brought to nodes before the first of them is cordoned: packages and images of every hop, so that a node is away only for what cannot
//! be done earlier.

use kup_core::plan::{StepSpec, Wave};

use super::stages::{Stages, step};
use super::{Addon, PlanProblem};
use crate::gate::ClusterConfiguration;
use crate::inventory::{Inventory, NodeInventory};

/// So many nodes fetch at once: a registry of one's own may be a small machine.
const AT_ONCE: u32 = 10;

impl Stages<'_> {
    /// Returns the wave that brings to each node what its steps of this hop's `waves` install; none where nothing is installed.
    pub(super) fn prefetch(
        &self,
        inventory: &Inventory,
        waves: &[Wave],
    ) -> Result<Option<Wave>, PlanProblem> {
        let mut stages = Vec::new();
        let config = ClusterConfiguration::of(inventory).unwrap_or_default();
        for node in &inventory.nodes {
            let packages = packages(waves, &node.node.name);
            if !packages.is_empty() {
                let steps = vec![self.fetch(node, packages, &config)?];
                let skippable = !node.node.control_plane;
                stages.push(self.stage(&node.node.name, skippable, steps)?);
            }
        }
        let (name, hop) = (self.hop.wave("prefetch"), self.hop.number);
        Ok((!stages.is_empty()).then_some(Wave { name, hop, max_parallel: AT_ONCE, stages }))
    }

    fn fetch(
        &self,
        node: &NodeInventory,
        packages: String,
        config: &ClusterConfiguration,
    ) -> Result<StepSpec, PlanProblem> {
        let version = self.hop.target.to_string();
        let has_minor = node.packages.names_a_minor();
        let minor = if has_minor { self.hop.target.minor_name() } else { String::new() };
        let role = if node.node.control_plane { "control-plane" } else { "worker" };
        let title = format!("fetch packages and images of {version}");
        let mut params = vec![
            ("version", version),
            ("packages", packages),
            ("minor", minor),
            ("role", role.to_owned()),
            ("images", self.images(node, config).join("\n")),
        ];
        params.extend(self.installer(node));
        step("prefetch", &node.node.name, (title, 30), &params)
    }

    /// Returns what is different from kubeadm's own list of images. What an operator has set is theirs, and what is left alone is not fetched;
    /// the pause image of a worker is the container runtime's affair.
    fn images(&self, node: &NodeInventory, config: &ClusterConfiguration) -> Vec<String> {
        let is_own = |part: &[&str]| {
            let named = ["imageTag", "imageRepository"].map(|it| [part, &[it]].concat());
            named.iter().any(|path| config.has(path))
        };
        let maps = self.inventory.survey.config_maps.as_ref();
        // A cluster without an addon's ConfigMap has that addon's work done by something else.
        let has = |map: &str| maps.map_or(true, |maps| maps.contains_key(map));
        let skips =
            |addon: Addon| self.options.kubeadm.skip_addons.contains(&addon) || !has(addon.name());
        let is_worker = !node.node.control_plane;
        let has_etcd = is_worker || self.inventory.has_etcd(node);
        let left_out = [
            ("-coredns", is_own(&["dns"]) || skips(Addon::CoreDns)),
            ("-kube-proxy", skips(Addon::KubeProxy)),
            ("-etcd", !has_etcd || is_own(&["etcd", "local"])),
            ("-pause", is_worker),
        ];
        let repository = config.own_image_repository();
        let repository = repository.map(|it| format!("--image-repository={it}"));
        let left_out = left_out.iter().filter(|(_, is_left_out)| *is_left_out);
        repository.into_iter().chain(left_out.map(|(word, _)| (*word).to_owned())).collect()
    }
}

/// Returns all packages that a node's steps install.
fn packages(waves: &[Wave], node: &str) -> String {
    let stages = waves.iter().flat_map(|wave| &wave.stages).filter(|stage| stage.target == node);
    let steps = stages.flat_map(|stage| &stage.steps).filter(|step| step.activity == "packages");
    let packages = steps.filter_map(|step| step.params.get("packages")).map(String::as_str);
    packages.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
