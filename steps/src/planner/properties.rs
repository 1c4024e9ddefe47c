//! What holds of every plan, whatever the cluster and the target: clusters are made up at random, their plans are played step by step.

use proptest::prelude::*;

use super::{Options, PlanProblem, Target, WorkerHops, plan};
use crate::gate::most_behind;
use crate::inventory::{Inventory, sample};
use crate::version::Version;

mod play;

use play::Cluster;

/// A cluster and what is wanted of it.
#[derive(Debug, Clone)]
struct Case {
    control_planes: usize,
    workers: usize,
    minor: u32,
    /// How many minors each node's kubelet is behind, in the order of the nodes.
    behind: Vec<u32>,
    /// How many minors forward.
    forward: u32,
    skips: bool,
    max_unavailable: u32,
    trouble: Trouble,
}

/// What was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// So many control planes are a patch or a minor further than the rest.
    Interrupted {
        done: usize,
        minor_too: bool,
    },
    /// A manifest of the first control plane is gone.
    ManifestGone,
    /// Only some kubelets are left to do.
    OnlyKubelets,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => Just(Trouble::None),
        2 => (1_usize..3, any::<bool>())
            .prop_map(|(done, minor_too)| Trouble::Interrupted { done, minor_too }),
        1 => Just(Trouble::ManifestGone),
        1 => Just(Trouble::OnlyKubelets),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let size = (1_usize..=5, 0_usize..=6, 19_u32..=36);
    let wishes = (0_u32..=3, any::<bool>(), 1_u32..=4, trouble());
    (size, proptest::collection::vec(0_u32..=3, 11), wishes).prop_map(|(size, behind, wishes)| {
        let (control_planes, workers, minor) = size;
        let (forward, skips, max_unavailable, trouble) = wishes;
        Case { control_planes, workers, minor, behind, forward, skips, max_unavailable, trouble }
    })
}

fn version(minor: u32, patch: u32) -> Version {
    Version { major: 1, minor, patch }
}

impl Case {
    /// Returns the cluster, within the skew rules.
    fn inventory(&self) -> Inventory {
        let at = version(self.minor, 6);
        let mut inventory = sample::healthy(self.control_planes, self.workers, &at.to_string());
        for (node, behind) in inventory.nodes.iter_mut().zip(&self.behind) {
            let behind = (*behind).min(self.minor - 19);
            let kubelet = version(self.minor - behind, 3);
            let is_allowed = behind <= most_behind(kubelet) && behind > 0;
            let kubelet = if is_allowed { kubelet } else { at };
            node.node.kubelet_version = kubelet.to_string();
        }
        self.disturb(&mut inventory);
        inventory
    }

    fn disturb(&self, inventory: &mut Inventory) {
        let (first, names) =
            ("cp1", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]);
        match self.trouble {
            Trouble::None | Trouble::OnlyKubelets => {}
            Trouble::ManifestGone => {
                let manifests = &mut inventory.node_mut(first).control_plane.manifests;
                manifests.insert(names[1].to_owned(), None);
            }
            Trouble::Interrupted { done, minor_too } => {
                let to = version(self.minor + u32::from(minor_too), 9);
                for n in 1..=done.min(self.control_planes) {
                    let node = inventory.node_mut(&format!("cp{n}"));
                    for name in names {
                        let manifest = node.control_plane.manifests.get_mut(name).unwrap();
                        let image = format!("registry.k8s.io/{name}:{to}");
                        manifest.as_mut().unwrap().image = Some(image);
                    }
                }
            }
        }
    }

    fn plan(
        &self,
        inventory: &Inventory,
    ) -> Result<(Vec<Version>, kup_core::plan::Plan), PlanProblem> {
        let target = match self.trouble {
            Trouble::Interrupted { minor_too, .. } if self.forward == 0 => {
                version(self.minor + u32::from(minor_too), 9)
            }
            Trouble::OnlyKubelets => inventory.version,
            Trouble::None | Trouble::Interrupted { .. } | Trouble::ManifestGone => {
                version(self.minor + self.forward, 9)
            }
        };
        let offers = &inventory.nodes[0].offers;
        let hops = Target::Release(target).hops(inventory.version, offers)?;
        let workers = if self.skips { WorkerHops::Last } else { WorkerHops::Every };
        let (max_unavailable, asked) = (self.max_unavailable, hops.clone());
        let options = Options { hops, workers, max_unavailable, ..Options::default() };
        Ok((asked, plan(inventory, &options)?))
    }
}

/// A refusal must be one that the case deserves.
fn deserved(case: &Case, problem: &PlanProblem) -> bool {
    match problem {
        PlanProblem::Equal(_) => case.trouble == Trouble::OnlyKubelets || case.forward == 0,
        PlanProblem::Unfinished { .. } => matches!(case.trouble, Trouble::Interrupted { .. }),
        PlanProblem::WorkersMustStop { .. } | PlanProblem::TooFarBehind { .. } => {
            case.skips && case.workers > 0
        }
        // The samples offer three minors more.
        PlanProblem::NoRelease { .. } | PlanProblem::NotOffered { .. } => {
            matches!(case.trouble, Trouble::Interrupted { .. })
        }
        PlanProblem::Older { .. }
        | PlanProblem::NoStackedEtcd
        | PlanProblem::OtherMajor { .. }
        | PlanProblem::EtcdTag { .. }
        | PlanProblem::NewerKubeadm { .. }
        | PlanProblem::NoPhases { .. }
        | PlanProblem::Kubelet { .. }
        | PlanProblem::NoRepository(_)
        | PlanProblem::NoControlPlane
        | PlanProblem::NotFirst(_)
        | PlanProblem::Name(..) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_a_rule_at_any_moment(case in case()) {
        let inventory = case.inventory();
        // What breaks the rules before is a gate's business.
        prop_assume!(Cluster::new(&inventory, case.skips).keeps_the_rules("before").is_ok());
        match case.plan(&inventory) {
            Ok((_, plan)) => {
                prop_assert_eq!(plan.check(), Ok(()));
                let mut cluster = Cluster::new(&inventory, case.skips);
                let played = cluster.play(&plan);
                prop_assert!(played.is_ok(), "{}", played.unwrap_err());
                let ended = cluster.is_at(plan.to.parse().unwrap());
                prop_assert!(ended.is_ok(), "{}", ended.unwrap_err());
            }
            Err(problem) => prop_assert!(deserved(&case, &problem), "{problem}"),
        }
    }
}
