//! A cluster that consists of versions only. It plays a plan and says which rule a step breaks.

use std::collections::{BTreeMap, BTreeSet};

use kup_core::plan::{Plan, Stage, StepSpec, Wave};

use crate::gate::most_behind;
use crate::inventory::Inventory;
use crate::planner::standing;
use crate::release;
use crate::version::{Version, tag_of};

/// Activities that replace static pods, or write for the whole cluster.
const STATIC_PODS: [&str; 3] = ["kubeadm-apply", "kubeadm-node", "kubeadm-control-plane"];
/// Activities that call kubeadm, and change no static pods.
const CALLS: [&str; 7] = [
    "kubeadm-phase",
    "kubeadm-etcd",
    "kubeadm-upload-config",
    "kubeadm-kubelet-config",
    "kubeadm-addons",
    "kubeadm-closing",
    "upgrade-plan",
];

/// What a cluster is made of, as far as the skew rules know it.
pub(super) struct Cluster {
    /// API servers by node.
    servers: BTreeMap<String, Version>,
    kubelets: BTreeMap<String, Version>,
    kubeadm: BTreeMap<String, Version>,
    /// The version in `kubeadm-config`.
    config: Version,
    cordoned: BTreeSet<String>,
    drained: BTreeSet<String>,
    /// Minors in which `kubeadm upgrade node` ran, by node.
    migrated: BTreeSet<(String, u32)>,
    missing: BTreeSet<String>,
    /// The version in `kubeadm-config` at the beginning.
    began_at: Version,
    skips: bool,
}

type Played = Result<(), String>;

impl Cluster {
    pub(super) fn new(inventory: &Inventory, skips: bool) -> Self {
        let image = |n: &crate::inventory::NodeInventory| {
            let image = n.control_plane.image("kube-apiserver").to_owned();
            tag_of(&image)?.parse().ok()
        };
        let kubeadm = |n: &crate::inventory::NodeInventory| {
            n.packages.version("kubeadm").split('-').next()?.parse().ok()
        };
        let nodes = || inventory.nodes.iter();
        let masters = nodes().filter(|n| n.node.control_plane);
        let kubelet = |n: &crate::inventory::NodeInventory| n.node.kubelet_version.parse().unwrap();
        Self {
            servers: masters.filter_map(|n| Some((n.node.name.clone(), image(n)?))).collect(),
            kubelets: nodes().map(|n| (n.node.name.clone(), kubelet(n))).collect(),
            kubeadm: nodes().filter_map(|n| Some((n.node.name.clone(), kubeadm(n)?))).collect(),
            config: inventory.version,
            began_at: inventory.version,
            cordoned: BTreeSet::new(),
            drained: BTreeSet::new(),
            migrated: BTreeSet::new(),
            missing: standing(inventory).missing.into_iter().map(|(node, _)| node).collect(),
            skips,
        }
    }

    /// Plays a plan step by step. Stages of a wave may be under way at once; they are played one after the other, and what one of them
    /// could do to another one is looked at apart.
    pub(super) fn play(&mut self, plan: &Plan) -> Played {
        for wave in &plan.waves {
            self.wave(wave)?;
            for stage in &wave.stages {
                for step in &stage.steps {
                    let place = format!("{} in {}", step.id, wave.name);
                    self.step(stage, step).map_err(|why| format!("{place}: {why}"))?;
                    self.keeps_the_rules(&place)?;
                }
                need(!self.cordoned.contains(&stage.target), || {
                    format!("{} stays cordoned", stage.target)
                })?;
            }
        }
        Ok(())
    }

    /// Nothing that touches a control plane may be beside anything else.
    fn wave(&self, wave: &Wave) -> Played {
        let touches = |stage: &Stage| self.servers.contains_key(&stage.target);
        let touched = wave.stages.iter().any(touches);
        let targets: BTreeSet<&str> =
            wave.stages.iter().map(|stage| stage.target.as_str()).collect();
        let only_downloads =
            wave.stages.iter().all(|stage| stage.steps.iter().all(|it| it.activity == "prefetch"));
        need(targets.len() == wave.stages.len() || wave.max_parallel == 1, || {
            format!("a node stands twice in {}", wave.name)
        })?;
        need(!touched || wave.max_parallel == 1 || only_downloads, || {
            format!("{} takes control planes side by side", wave.name)
        })
    }

    fn step(&mut self, stage: &Stage, step: &StepSpec) -> Played {
        let node = stage.target.clone();
        let version = || step.params.get("version").and_then(|text| text.parse::<Version>().ok());
        match step.activity.as_str() {
            "packages" => self.install(&node, step),
            "cordon" => {
                self.cordoned.insert(node);
                Ok(())
            }
            "drain" => {
                need(self.cordoned.contains(&node), || "drained without a cordon".to_owned())?;
                self.drained.insert(node);
                Ok(())
            }
            "uncordon" => {
                self.cordoned.remove(&node);
                self.drained.remove(&node);
                Ok(())
            }
            "put-back" => {
                self.missing.remove(&node);
                Ok(())
            }
            "verify" => self.is_verified(version().ok_or("no version")?),
            name if STATIC_PODS.contains(&name) => {
                self.kubeadm(&node, step, version().ok_or("no version")?)
            }
            name if CALLS.contains(&name) => {
                self.may_call(&node, version().ok_or("no version")?).map(|()| {
                    if name == "kubeadm-upload-config" {
                        self.config = version().unwrap_or(self.config);
                    }
                })
            }
            "kubelet-restart" | "repository" | "prefetch" | "kubelet-config-map" => Ok(()),
            // etcd's snapshot and its own patch, before a hop: the members are played elsewhere.
            name if name.contains("etcd") => Ok(()),
            other => Err(format!("nobody knows the activity {other}")),
        }
    }

    fn install(&mut self, node: &str, step: &StepSpec) -> Played {
        for package in step.params.get("packages").ok_or("no packages")?.split(',') {
            let (name, version) = package.split_once('=').ok_or("no version")?;
            let version: Version =
                version.split('-').next().unwrap_or_default().parse().map_err(|_| "no version")?;
            match name {
                "kubeadm" => {
                    self.kubeadm.insert(node.to_owned(), version);
                }
                "kubelet" => self.replace_kubelet(node, version)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn replace_kubelet(&mut self, node: &str, to: Version) -> Played {
        let from = self.kubelets[node];
        need(from.minor == to.minor || self.drained.contains(node), || {
            format!("the kubelet of {node} changes its minor undrained")
        })?;
        // What was left out before, no plan makes up for: kubeadm goes to the version of the control plane.
        for minor in (from.minor.max(self.began_at.minor) + 1)..=to.minor {
            let migrates = release::of(minor).is_some_and(|it| it.migrates_nodes.is_some());
            let ran = self.migrated.contains(&(node.to_owned(), minor));
            need(ran || !migrates && (self.skips || minor == to.minor), || {
                format!("{node} never ran `kubeadm upgrade node` of v1.{minor}")
            })?;
        }
        self.kubelets.insert(node.to_owned(), to);
        Ok(())
    }

    fn kubeadm(&mut self, node: &str, step: &StepSpec, to: Version) -> Played {
        self.may_call(node, to)?;
        let is_apply = step.activity == "kubeadm-apply";
        let is_server = self.servers.contains_key(node);
        if step.activity == "kubeadm-node" {
            need(self.config == to, || format!("kubeadm-config is at {}", self.config))?;
        }
        if is_server {
            let oldest = self.servers.values().min().copied().unwrap_or(to);
            need(to.minor <= oldest.minor + 1, || format!("from {oldest} to {to} in one"))?;
            self.servers.insert(node.to_owned(), to);
        }
        if is_apply {
            self.config = to;
        }
        self.migrated.insert((node.to_owned(), to.minor));
        Ok(())
    }

    fn may_call(&self, node: &str, to: Version) -> Played {
        let has = self.kubeadm.get(node);
        need(has == Some(&to), || format!("kubeadm of {node} is {has:?}, {to} is wanted"))?;
        need(self.missing.is_empty(), || format!("a manifest is still gone on {:?}", self.missing))
    }

    fn is_verified(&self, at: Version) -> Played {
        need(self.config == at, || format!("kubeadm-config is at {}", self.config))?;
        need(self.servers.values().all(|it| *it == at), || "an API server is elsewhere".to_owned())
    }

    /// The version skew policy: API servers one minor apart at most, no kubelet ahead of any or too far behind any.
    pub(super) fn keeps_the_rules(&self, place: &str) -> Played {
        let (Some(oldest), Some(newest)) =
            (self.servers.values().min(), self.servers.values().max())
        else {
            return Err("no API server".to_owned());
        };
        need(newest.minor - oldest.minor <= 1, || {
            format!("{place}: API servers from {oldest} to {newest}")
        })?;
        for (node, kubelet) in &self.kubelets {
            need(kubelet.minor <= oldest.minor, || {
                format!("{place}: {node}'s kubelet {kubelet} is ahead of {oldest}")
            })?;
            let far = kubelet.minor + most_behind(*kubelet) < newest.minor;
            need(!far, || {
                format!("{place}: {node}'s kubelet {kubelet} is too far behind {newest}")
            })?;
        }
        need(self.cordoned.len() <= 1, || format!("{place}: {:?} are cordoned", self.cordoned))
    }

    /// Says whether everything is there in the end.
    pub(super) fn is_at(&self, target: Version) -> Played {
        self.is_verified(target)?;
        let late = self.kubelets.iter().find(|(_, kubelet)| **kubelet != target);
        need(late.is_none(), || format!("in the end: {late:?}"))
    }
}

fn need(holds: bool, why: impl FnOnce() -> String) -> Played {
    if holds { Ok(()) } else { Err(why()) }
}
