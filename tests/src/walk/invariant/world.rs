//! What may be seen on the machines: whose attempts run there, and how many control planes are away at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kup_core::clock::Timestamp;
use kup_core::event::{Entry, Event};
use kup_core::id::Epoch;
use kup_steps::host::Order;
use kup_steps::script;
use kup_steps::sim::{AttemptSurvey, NodeSurvey, Survey};

use super::Judge;

/// A machine that broke down this moment is nobody's fault.
const TO_NOTICE: Duration = Duration::from_secs(2);
/// What takes a control plane away for a while.
const DISTURBING: [&str; 6] = [
    script::KUBEADM_APPLY.0,
    script::KUBEADM_NODE.0,
    script::KUBEADM_PHASE.0,
    script::KUBELET_RESTART.0,
    script::RESTORE_FILES.0,
    script::SWAP_BACK.0,
];

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    now: Option<Timestamp>,
    /// The highest epoch that has claimed a node.
    claimed: BTreeMap<String, u64>,
    /// The attempts on each node.
    attempts: BTreeMap<String, BTreeMap<String, AttemptSurvey>>,
    /// Machines to which something was done that is not kup's fault, until they are whole again.
    struck: BTreeSet<String>,
    /// Since when control planes do not serve.
    away: BTreeMap<String, Timestamp>,
    /// Whether an API server answers; without a quorum there is none to lose.
    serves: bool,
    /// Whether machines or the API were kept from answering.
    pub(super) was_silence: bool,
}

impl Judge {
    /// A node has a new owner.
    pub(crate) fn claimed(&self, node: &str, epoch: Epoch) {
        let mut record = self.record();
        let claimed = record.eyes.claimed.entry(node.to_owned()).or_default();
        *claimed = epoch.0.max(*claimed);
    }

    /// Something is done to a machine that is not kup's fault.
    pub fn struck(&self, node: &str) {
        let mut record = self.record();
        record.eyes.struck.insert(node.to_owned());
        record.eyes.was_silence = true;
    }

    /// Somebody is kept from answering.
    pub fn silenced(&self) {
        self.record().eyes.was_silence = true;
    }
}

impl Eyes {
    pub(super) fn open(survey: &Survey) -> Self {
        let mut eyes = Self::default();
        for (name, node) in &survey.nodes {
            eyes.attempts.insert(name.clone(), node.attempts.clone());
            eyes.claimed.extend(node.owner.as_ref().map(|(_, epoch)| (name.clone(), *epoch)));
            if node.control_plane && !is_whole(node) {
                eyes.struck.insert(name.clone());
            }
        }
        eyes
    }

    pub(super) fn look(
        &mut self,
        (survey, now): (&Survey, Timestamp),
        entries: &[Entry],
        sent: &BTreeMap<String, u64>,
    ) -> Result<(), String> {
        (self.now, self.serves) = (Some(now), survey.serves);
        for (node, seen) in &survey.nodes {
            self.attempts_are_ours((node, seen), entries, sent)?;
        }
        self.one_control_plane_at_a_time((survey, now), entries)
    }

    /// Every attempt has an intent and was sent by a process of this run, none of them too late; and none ever runs twice.
    fn attempts_are_ours(
        &mut self,
        (node, seen): (&String, &NodeSurvey),
        entries: &[Entry],
        sent: &BTreeMap<String, u64>,
    ) -> Result<(), String> {
        let known = self.attempts.entry(node.clone()).or_default();
        if *known == seen.attempts {
            return Ok(());
        }
        let claimed = self.claimed.get(node).copied().unwrap_or(0);
        for (name, attempt) in &seen.attempts {
            match known.get(name) {
                Some(known) if known.begun != attempt.begun => {
                    return Err(format!("{name} ran twice on {node}"));
                }
                Some(known) if known.status.is_some() && known.status != attempt.status => {
                    return Err(format!("{name} on {node} ended in two ways"));
                }
                Some(_) => {}
                None if sent.get(name) != Some(&attempt.epoch) => {
                    return Err(format!("{name} runs on {node}; no process of this run sent it"));
                }
                None if attempt.epoch < claimed => {
                    let epoch = attempt.epoch;
                    return Err(format!(
                        "{name} began on {node} with epoch {epoch} after {claimed}"
                    ));
                }
                None => has_intent(name, attempt, entries)?,
            }
        }
        known.clone_from(&seen.attempts);
        Ok(())
    }

    /// Of control planes at most one is worked on or away because of kup.
    fn one_control_plane_at_a_time(
        &mut self,
        (survey, now): (&Survey, Timestamp),
        entries: &[Entry],
    ) -> Result<(), String> {
        let mut disturbed = Vec::new();
        for (name, node) in survey.nodes.iter().filter(|(_, node)| node.control_plane) {
            if is_whole(node) {
                self.struck.remove(name);
                self.away.remove(name);
            } else {
                self.away.entry(name.clone()).or_insert(now);
            }
            let away = !is_whole(node) && !self.struck.contains(name);
            if away || is_worked_on(node) {
                disturbed.push(name.as_str());
            }
        }
        match disturbed.as_slice() {
            [] | [_] => Ok(()),
            _ if stops_everything(entries) => Ok(()),
            [_, _, ..] => Err(format!("control planes away at once: {}", disturbed.join(", "))),
        }
    }

    /// Nobody begins to replace static pods while another control plane is away: with three members etcd would lose its quorum.
    pub(super) fn may_begin(&self, node: &str, order: &Order) -> Result<(), String> {
        let step = order.name.step.as_str();
        let replacing = [
            "kubeadm-apply.",
            "kubeadm-node.",
            "kubeadm-control-plane.",
            "kubeadm-etcd.",
            "etcd-patch.",
            "kubeadm-closing.",
        ];
        let replaces = replacing.iter().any(|replacing| step.contains(replacing));
        let begun = self.attempts.get(node).is_some_and(|known| {
            let name = format!("{}/{step}.{}", order.name.run, order.name.attempt);
            known.contains_key(&name)
        });
        let long_ago =
            |since: &Timestamp| self.now.is_some_and(|now| now.since(*since) > TO_NOTICE);
        if self.away.contains_key(node) || !self.serves {
            return Ok(());
        }
        let other = self.away.iter().find(|(name, since)| *name != node && long_ago(since));
        match other {
            Some((other, _)) if replaces && !begun && node.starts_with("cp") => {
                Err(format!("{step} begins on {node} while {other} is away"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether a restore of etcd has begun to stop all control planes, as it must.
fn stops_everything(entries: &[Entry]) -> bool {
    let stops = |step: &str| {
        step.starts_with("rollback.kubelet-stop") || step.starts_with("rollback.restore-stop")
    };
    entries
        .iter()
        .any(|entry| matches!(&entry.event, Event::AttemptStarted(it) if stops(it.step.as_str())))
}

fn is_whole(node: &NodeSurvey) -> bool {
    node.powered && node.etcd_up && node.api_server_up && node.kubelet_runs
}

fn is_worked_on(node: &NodeSurvey) -> bool {
    let disturbs = |it: &AttemptSurvey| it.is_running && DISTURBING.contains(&it.script.as_str());
    node.attempts.values().any(disturbs)
}

fn has_intent(name: &str, attempt: &AttemptSurvey, entries: &[Entry]) -> Result<(), String> {
    let entry = entries.iter().find(|entry| entry.seq.0 == attempt.intent);
    let names = match entry.map(|entry| &entry.event) {
        Some(Event::AttemptStarted(it)) => name.ends_with(&format!("/{}.{}", it.step, it.attempt)),
        Some(_) | None => false,
    };
    let intent = attempt.intent;
    if names {
        Ok(())
    } else {
        Err(format!("{name} names entry {intent}, which is no intent of it"))
    }
}
