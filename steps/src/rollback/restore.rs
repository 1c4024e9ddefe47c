//! The way back over a restored snapshot of etcd (class R3): everything that was written since the snapshot is lost.
//!
//! Before anything stops: a second snapshot, of the state that is left, and on every member new data beside the old. Then kubelets that would
//! be newer than the API servers stop, then every API server, then etcd; the data change places; kubelets and packages go back as without an API
//! server; etcd starts with its old manifest on every member and must agree; then API servers, controllers, and the rest.

use kup_core::event::Backup;
use kup_core::id::BlobId;
use kup_core::plan::{Stage, StepSpec, Wave};
use kup_core::state::RunState;

use super::{Present, RollbackProblem, control_plane_steps, is_newer, wave};
use crate::activity::pre_image_in;
use crate::etcd::record::Record;
use crate::planner::{step, step_id};
use found::{etcdutl_of, minor_of, snapshot_of};

mod found;

/// What has to do with the API; etcd itself stops after them and starts before them.
const WITHOUT_ETCD: &str = "kube-apiserver,kube-controller-manager,kube-scheduler";
/// Nothing is drained, so that many nodes may go back at once.
const AT_ONCE: u32 = 8;

/// The steps that replace static pods.
const OF_STATIC_PODS: [&str; 4] =
    ["kubeadm-etcd", "kubeadm-control-plane", "kubeadm-apply", "kubeadm-node"];

/// What a restore of the snapshot costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// When the snapshot was begun, in RFC 3339: everything written later is lost.
    pub since: String,
    /// What etcd's revision was then.
    pub revision: i64,
    /// The nodes with a member that is restored.
    pub members: Vec<String>,
}

/// A restore that is possible.
pub(super) struct Restore<'a> {
    state: &'a RunState,
    record: Record,
    backup: Backup,
    etcdutl: String,
}

impl<'a> Restore<'a> {
    /// Finds out whether the snapshot of before the first change can be restored.
    pub(super) fn of(state: &'a RunState) -> Result<Self, RollbackProblem> {
        let (record, backup) = snapshot_of(state).ok_or(RollbackProblem::NoSnapshot)?;
        let knows = |name: &str| state.started.machines.iter().any(|it| it.name == name);
        if let Some(member) = record.members.iter().find(|it| !knows(&it.name)) {
            return Err(RollbackProblem::ForeignMember(member.name.clone()));
        }
        let minor = minor_of(&record.version);
        let etcdutl = etcdutl_of(state, &record, &minor)?;
        Ok(Self { state, record, backup, etcdutl })
    }

    pub(super) fn loss(&self) -> Loss {
        let members = self.members().map(str::to_owned).collect();
        Loss { since: self.record.taken.clone(), revision: self.record.revision, members }
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.record.members.iter().map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Lays the restore around the waves of a way back without an API server.
    pub(super) fn around(
        &self,
        back: Vec<Wave>,
        present: &Present,
    ) -> Result<Vec<Wave>, RollbackProblem> {
        let of_static_pods = |wave: &Wave| {
            let mut steps = wave.stages.iter().flat_map(|stage| &stage.steps);
            steps.any(|step| step.params.get("role").is_some_and(|role| role == "control-plane"))
        };
        let late = |wave: &Wave| wave.name.starts_with("rollback-api");
        let split = back.iter().position(|it| of_static_pods(it) || late(it)).unwrap_or(back.len());
        let mut kubelets = back;
        let mut rest = kubelets.split_off(split);
        rest.iter_mut().for_each(|wave| self.without_undone(wave));
        for wave in &mut kubelets {
            wave.max_parallel = wave.max_parallel.max(AT_ONCE);
        }
        let mut waves = self.before(present)?;
        waves.extend(kubelets);
        waves.extend(self.after()?);
        waves.extend(rest);
        waves.retain(|wave| !wave.stages.is_empty());
        Ok(waves)
    }

    /// Takes out what the static pods' return to the state of before the run has undone already: steps that go back to a state in between.
    fn without_undone(&self, wave: &mut Wave) {
        for stage in &mut wave.stages {
            let first = self.first_touch(&stage.target);
            stage.steps.retain(|step| {
                let of = step.undo_of.as_ref();
                let is_later = of.is_some() && of != first.map(|(step, _)| &step.id);
                !(is_later && OF_STATIC_PODS.contains(&step.activity.as_str()))
            });
        }
        wave.stages.retain(|stage| !stage.steps.is_empty());
    }

    /// Returns the step that touched the static pods of a node first, with the place and the bytes of its pre-image.
    fn first_touch(&self, node: &str) -> Option<(&StepSpec, (&str, &BlobId))> {
        let mut touched = control_plane_steps(self.state).filter(|(stage, _)| stage.target == node);
        touched.find_map(|(_, step)| {
            let prepared = self.state.step(&step.id)?.prepared.as_ref()?;
            Some((step, pre_image_in(prepared)?))
        })
    }

    /// Returns the waves until the data have changed places.
    fn before(&self, present: &Present) -> Result<Vec<Wave>, RollbackProblem> {
        let mut waves = Vec::new();
        if present.etcd_silent.is_none() {
            waves.push(("restore-second-snapshot", 1, vec![self.second_snapshot()?]));
        }
        waves.push(("restore-prepare", AT_ONCE, self.each(|it, node| it.prepare(node))?));
        waves.push(("restore-kubelets-stop", AT_ONCE, self.kubelets_stop(present)?));
        let stop = |what: &'static str| {
            move |it: &Self, node: &str| it.stop(node, what).map(|step| vec![step])
        };
        waves.push(("restore-api-stop", AT_ONCE, self.each(stop(WITHOUT_ETCD))?));
        waves.push(("restore-etcd-stop", AT_ONCE, self.each(stop("etcd"))?));
        waves.push(("restore-etcd", AT_ONCE, self.each(|it, node| it.swap(node))?));
        Ok(named(waves))
    }

    /// Returns the waves in which etcd and then the rest of the static pods start again, as they were before the run.
    fn after(&self) -> Result<Vec<Wave>, RollbackProblem> {
        let start = |what: &'static str| {
            move |it: &Self, node: &str| it.start(node, what).map(|step| vec![step])
        };
        let waves = vec![
            ("restore-etcd-start", AT_ONCE, self.each(start("etcd"))?),
            ("restore-etcd-agree", 1, vec![self.agree()?]),
            ("restore-api-start", 1, self.each(start(WITHOUT_ETCD))?),
        ];
        Ok(named(waves))
    }

    fn each(
        &self,
        steps: impl Fn(&Self, &str) -> Result<Vec<StepSpec>, RollbackProblem>,
    ) -> Result<Vec<Stage>, RollbackProblem> {
        self.members().map(|node| Ok(stage(node, steps(self, node)?))).collect()
    }

    /// The state that is left is kept too: whoever finds that this way was wrong can restore that one.
    fn second_snapshot(&self) -> Result<Stage, RollbackProblem> {
        let through: Vec<&str> = self.members().collect();
        let first = through.first().copied().unwrap_or_default();
        let title = "take a snapshot of etcd as it is now".to_owned();
        let params = [("control-planes", through.join(","))];
        let step = renamed(step("etcd-snapshot", first, (title, 60), &params)?, "now", first)?;
        Ok(stage(first, vec![step]))
    }

    fn prepare(&self, node: &str) -> Result<Vec<StepSpec>, RollbackProblem> {
        let member = self.record.members.iter().find(|it| it.name == node);
        let peer = |it: &crate::etcd::Member| it.peers.first().cloned().unwrap_or_default();
        let all = self.record.members.iter().map(|it| format!("{}={}", it.name, peer(it)));
        let params = [
            ("snapshot", self.backup.blob.to_string()),
            ("etcdutl", self.etcdutl.clone()),
            ("minor", minor_of(&self.record.version)),
            ("member", node.to_owned()),
            ("peer", member.map(peer).unwrap_or_default()),
            ("initial-cluster", all.collect::<Vec<_>>().join(",")),
            ("token", format!("kup-{}", self.backup.blob.as_str())),
        ];
        let title = format!(
            "make new data of etcd beside the old, of the snapshot of {}",
            self.record.taken
        );
        Ok(vec![plain("restore-prepare", node, (title, 60), &params, "")?])
    }

    /// Kubelets that would be newer than the API servers that come.
    fn kubelets_stop(&self, present: &Present) -> Result<Vec<Stage>, RollbackProblem> {
        let newer = present.kubelets.iter().filter(|(_, it)| is_newer(it, &self.state.plan.from));
        let stop = |node: &str| {
            let title = "stop the kubelet, which is newer than the API servers will be".to_owned();
            let step = plain("kubelet-stop", node, (title, 5), &[], "")?;
            Ok(Stage { skippable: self.members().all(|it| it != node), ..stage(node, vec![step]) })
        };
        newer.map(|(node, _)| stop(node)).collect()
    }

    fn stop(&self, node: &str, what: &str) -> Result<StepSpec, RollbackProblem> {
        let title = format!("stop {}", words(what));
        let params = [("components", what.to_owned())];
        plain("restore-stop", node, (title, 10), &params, short(what))
    }

    fn swap(&self, node: &str) -> Result<Vec<StepSpec>, RollbackProblem> {
        let title =
            "put the new data of etcd into the place of the old, which stay aside".to_owned();
        let params = [("snapshot", self.backup.blob.to_string())];
        Ok(vec![plain("restore-swap", node, (title, 5), &params, "")?])
    }

    /// Where the run has touched static pods the manifests of before come back, elsewhere those that were taken away.
    fn start(&self, node: &str, what: &str) -> Result<StepSpec, RollbackProblem> {
        let mut params = vec![("components", what.to_owned())];
        if let Some((_, (place, blob))) = self.first_touch(node) {
            params.extend([("pre-image", place.to_owned()), ("blob", blob.to_string())]);
        }
        let title = format!("start {} as before", words(what));
        plain("restore-start", node, (title, 10), &params, short(what))
    }

    fn agree(&self) -> Result<Stage, RollbackProblem> {
        let members: Vec<&str> = self.members().collect();
        let first = members.first().copied().unwrap_or_default();
        let title = "wait until all members of etcd serve and hold the same".to_owned();
        let params =
            [("control-planes", members.join(",")), ("minor", minor_of(&self.record.version))];
        Ok(stage(first, vec![plain("etcd-agreement", first, (title, 10), &params, "")?]))
    }
}

fn named(waves: Vec<(&str, u32, Vec<Stage>)>) -> Vec<Wave> {
    waves.into_iter().map(|(name, n, stages)| wave(name.to_owned(), (1, n), stages)).collect()
}

fn stage(node: &str, steps: Vec<StepSpec>) -> Stage {
    Stage { target: node.to_owned(), skippable: false, steps }
}

/// What stands in the ids of steps that are there twice on a node.
fn short(components: &str) -> &'static str {
    if components == "etcd" { "etcd" } else { "api" }
}

fn words(components: &str) -> String {
    components.replace(',', ", ")
}

fn plain(
    activity: &str,
    node: &str,
    said: (String, u64),
    params: &[(&str, String)],
    which: &str,
) -> Result<StepSpec, RollbackProblem> {
    renamed(step(activity, node, said, params)?, which, node)
}

fn renamed(mut step: StepSpec, which: &str, node: &str) -> Result<StepSpec, RollbackProblem> {
    let which = if which.is_empty() { String::new() } else { format!("-{which}") };
    step.id = step_id(&format!("rollback.{}{which}.{node}", step.activity), node)?;
    Ok(step)
}
