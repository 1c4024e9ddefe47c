//! etcd of a simulated cluster: one member beside each API server, told in etcd's own JSON.

use serde_json::{Value, json};

use super::agenda::sha256;
use super::api::{Api, SimNode};
use super::machine::{Machine, manifest_path};
use super::told::Lines;
use crate::facts::etcd::{EtcdKind, EtcdMember, EtcdStatus, EtcdSurvey};
use crate::version::tag_of;

const QUOTA: u64 = 2 << 30;
/// Where an API server finds the member beside it.
pub(super) const OWN: &str = "https://127.0.0.1:2379";

/// Returns what etcd is like.
pub(super) fn of(api: &Api) -> EtcdSurvey {
    let has_etcd = |(_, node): &(&String, &SimNode)| node.status.mirrors.contains_key("etcd");
    let with_etcd: Vec<(&String, &SimNode)> = api.control_planes().filter(has_etcd).collect();
    let first_up = with_etcd.iter().find(|(_, node)| is_up(node));
    let leader = first_up.filter(|_| api.has_quorum()).map(|(_, node)| id(node));
    let leader = leader.unwrap_or_default();
    let members = with_etcd.into_iter().map(|(name, node)| member(name, node, &leader)).collect();
    EtcdSurvey { kind: EtcdKind::Stacked, members, alarms: Vec::new() }
}

fn is_up(node: &SimNode) -> bool {
    node.status.mirrors.get("etcd").is_some_and(|mirror| mirror.up)
}

fn id(node: &SimNode) -> String {
    // Without its first digit it is small enough for every reader of JSON.
    sha256(&node.uid).get(1..13).unwrap_or_default().trim_start_matches('0').to_owned()
}

fn member(name: &str, node: &SimNode, leader: &str) -> EtcdMember {
    let image = node.status.mirrors.get("etcd").map(|mirror| mirror.image.as_str());
    let tag = image.and_then(tag_of).unwrap_or_default();
    let version = tag.split('-').next().unwrap_or_default().to_owned();
    let status = EtcdStatus {
        version,
        db_size: 20 << 20,
        db_in_use: 12 << 20,
        quota: QUOTA,
        leader: leader.to_owned(),
        errors: Vec::new(),
    };
    EtcdMember {
        name: name.to_owned(),
        id: id(node),
        endpoint: format!("https://{}:2379", node.address),
        is_learner: false,
        status: if is_up(node) { Ok(status) } else { Err("connection refused".to_owned()) },
    }
}

/// Returns what `etcd` prints with these arguments.
pub(super) fn told(survey: &Result<EtcdSurvey, String>, endpoints: &[String]) -> String {
    let mut lines = Lines::default();
    match survey {
        Err(why) => lines.add("unknown", why),
        Ok(survey) if endpoints.is_empty() => list(&mut lines, survey),
        Ok(survey) => statuses(&mut lines, survey, endpoints),
    }
    lines.0
}

/// Returns how a machine's API server reaches etcd. Its key is none.
pub(super) fn client(machine: &Machine) -> String {
    let mut lines = Lines::default();
    // While a restore keeps the API server's manifest aside, kubeadm's own files tell.
    if machine.has_api_server_manifest() || machine.text(&manifest_path("etcd")).is_some() {
        lines.add("servers", OWN);
        ["ca", "certificate", "key"].iter().for_each(|name| lines.add(name, ""));
    } else {
        let path = manifest_path("kube-apiserver");
        lines.add("unknown", format!("there is no {path} that could be read"));
    }
    lines.0
}

fn list(lines: &mut Lines, survey: &EtcdSurvey) {
    let kind = match survey.kind {
        EtcdKind::Stacked => "stacked",
        EtcdKind::External => "external",
    };
    lines.add("kind", kind);
    let members: Vec<Value> = survey.members.iter().map(listed).collect();
    lines.encoded("members", &json!({ "members": members }).to_string());
    let alarms: Vec<Value> = survey.alarms.iter().map(|alarm| raised(survey, alarm)).collect();
    lines.encoded("alarms", &json!({ "alarms": alarms }).to_string());
}

fn listed(member: &EtcdMember) -> Value {
    let urls: Vec<&str> =
        Some(member.endpoint.as_str()).filter(|it| !it.is_empty()).into_iter().collect();
    json!({"ID": decimal(&member.id), "name": member.name, "clientURLs": urls, "isLearner": member.is_learner})
}

fn raised(survey: &EtcdSurvey, alarm: &str) -> Value {
    let (kind, name) = alarm.split_once(" on ").unwrap_or((alarm, ""));
    let member = survey.members.iter().find(|member| member.name == name);
    let id = member.map(|member| decimal(&member.id)).unwrap_or_default();
    json!({"memberID": id, "alarm": kind})
}

fn statuses(lines: &mut Lines, survey: &EtcdSurvey, endpoints: &[String]) {
    lines.add("quota", "");
    for member in survey.members.iter().filter(|member| endpoints.contains(&member.endpoint)) {
        match &member.status {
            Err(why) => lines.add(&format!("silent:{}", member.endpoint), why),
            Ok(status) => {
                lines.encoded(&format!("status:{}", member.endpoint), &said(status).to_string());
            }
        }
    }
}

fn said(status: &EtcdStatus) -> Value {
    json!({
        "version": status.version, "dbSize": status.db_size.to_string(),
        "dbSizeInUse": status.db_in_use.to_string(), "dbSizeQuota": status.quota.to_string(),
        "leader": decimal(&status.leader), "errors": status.errors,
    })
}

fn decimal(id: &str) -> String {
    u64::from_str_radix(id, 16).unwrap_or_default().to_string()
}
