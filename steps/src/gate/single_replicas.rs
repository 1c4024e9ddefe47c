//! What is away while a node is: what runs once, and what cannot run elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::cluster::survey::{ClusterSurvey, Workload};
use crate::drain::DrainOptions;
use crate::drain::forecast::{Fate, Forecast, Leaving, NodeForecast};

pub(super) const ABOUT: About = About {
    code: "K128",
    name: "single-replicas",
    question: "Does everything that runs on a node run elsewhere too while that node is drained?",
    why: "What has one replica is away from its eviction until it is ready on another node; what has its volume on the node (local volumes, node affinity of a PersistentVolume) is away until the node is back: drained, installed, restarted.",
    remedy: "two replicas where the application can have them: `kubectl scale -n NAMESPACE deployment/NAME --replicas=2`; else tell its users when it is away",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    // Pods that forbid the drain are other gates' question: here everything goes.
    let options = DrainOptions { delete_emptydir_data: true, force: true, grace_period: None };
    let survey = &question.inventory.survey;
    let workloads = survey.workloads.as_ref().map_err(|why| format!("the workloads: {why}"));
    let claims = survey.claims.as_ref().map_err(|why| format!("the claims of volumes: {why}"));
    let read = workloads.and_then(|_| claims.map(|_| ()));
    let forecast = match read.and_then(|()| question.draining(options).forecast()) {
        Ok(forecast) => forecast,
        Err(why) => return unread(&why),
    };
    let mut away: Vec<String> = forecast.nodes.iter().flat_map(bound).collect();
    away.extend(forecast.nodes.iter().filter_map(stranded));
    away.extend(single(survey, &forecast));
    if away.is_empty() {
        super::pass("everything that must leave a node runs elsewhere meanwhile")
    } else {
        super::warn(super::some(&away), ABOUT.remedy)
    }
}

fn bound(node: &NodeForecast) -> impl Iterator<Item = String> {
    node.leaving.iter().filter_map(|leaving| match &leaving.fate {
        Fate::Bound { claim } => Some(format!(
            "{} is away until {} is back: its volume ({claim}) is there",
            leaving.pod, node.node
        )),
        Fate::Ended | Fate::Moves | Fate::Stranded | Fate::Lost => None,
    })
}

fn stranded(node: &NodeForecast) -> Option<String> {
    let is_stranded = |leaving: &&Leaving| leaving.fate == Fate::Stranded;
    let n_pods = node.leaving.iter().filter(is_stranded).count();
    (n_pods > 0).then(|| {
        let node = &node.node;
        format!("{n_pods} pods of {node} are away until it is back, unless they tolerate the taints of another node: no other one takes pods")
    })
}

/// Names the workloads that want one pod, which moves.
fn single(survey: &ClusterSurvey, forecast: &Forecast) -> Vec<String> {
    let workloads = survey.workloads.as_deref().unwrap_or_default().iter();
    let by_name: BTreeMap<(&str, &str, &str), &Workload> = workloads
        .map(|it| ((it.namespace.as_str(), it.kind.as_str(), it.name.as_str()), it))
        .collect();
    let moving = forecast.nodes.iter().flat_map(|node| &node.leaving);
    let moving = moving.filter(|leaving| leaving.fate == Fate::Moves);
    let names: BTreeSet<String> = moving.filter_map(|it| one_replica(&by_name, it)).collect();
    names.into_iter().collect()
}

/// Names the workload of a pod when it wants no other pod.
fn one_replica(
    workloads: &BTreeMap<(&str, &str, &str), &Workload>,
    leaving: &Leaving,
) -> Option<String> {
    let controller = leaving.controller.as_ref()?;
    let (namespace, _) = leaving.pod.split_once('/')?;
    let owner = workloads.get(&(namespace, controller.0.as_str(), controller.1.as_str()))?;
    let (kind, name) = owner.controller.as_ref().unwrap_or(controller);
    (owner.wanted == 1).then(|| format!("{kind} {namespace}/{name} has one replica"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cluster::survey::Claim;
    use crate::inventory::sample::{ask, healthy, passes, warns};

    #[test]
    fn warns_of_what_has_one_replica() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let workloads = inventory.survey.workloads.as_mut().unwrap();
        for workload in workloads.iter_mut().filter(|it| it.name.starts_with("web")) {
            workload.wanted = 1;
        }
        let words = ["Deployment shop/web has one replica", "--replicas=2"];
        warns(ask(check, &inventory, &["v1.36.2"]), &words);
    }

    #[test]
    fn warns_of_what_has_its_volume_on_the_node() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.pod_mut("web-7d9c5b6f4-0").claims = vec!["data".to_owned()];
        let claim = |hostnames: &[&str]| Claim {
            namespace: "shop".to_owned(),
            name: "data".to_owned(),
            volume: "disk".to_owned(),
            hostnames: hostnames.iter().map(|name| (*name).to_owned()).collect(),
        };
        inventory.survey.claims = Ok(vec![claim(&["w1"])]);
        let words = ["shop/web-7d9c5b6f4-0 is away until w1 is back", "data"];
        warns(ask(check, &inventory, &["v1.36.2"]), &words);
        for anywhere in [claim(&[]), claim(&["w1", "w2"])] {
            inventory.survey.claims = Ok(vec![anywhere]);
            passes(ask(check, &inventory, &["v1.36.2"]));
        }
    }

    #[test]
    fn warns_of_pods_that_no_other_node_takes() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        for node in ["cp1", "cp2", "cp3"] {
            let taint = "node-role.kubernetes.io/control-plane:NoSchedule".to_owned();
            inventory.node_mut(node).node.taints = vec![taint];
        }
        passes(ask(check, &inventory, &["v1.36.2"]));
        inventory.node_mut("w2").node.unschedulable = true;
        warns(ask(check, &inventory, &["v1.36.2"]), &["pods of w1 are away until it is back"]);
    }

    #[test]
    fn says_what_could_not_be_read() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.workloads = Err("forbidden".to_owned());
        warns(ask(check, &inventory, &["v1.36.2"]), &["the workloads: forbidden"]);
    }
}
