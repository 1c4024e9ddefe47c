//! An inventory as tables, one for each thing that people ask about.

mod view;

use std::fmt::Write;

use kup_core::clock::Timestamp;
use kup_steps::facts::etcd::{EtcdKind, EtcdMember, EtcdSurvey};
use kup_steps::inventory::{Inventory, NodeInventory};
use kup_steps::version::tag_of;

pub(crate) use view::shown;

use super::table;
use view::clock_ahead;

const PACKAGES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];
const MIB: u64 = 1 << 20;

/// Returns the tables.
pub(crate) fn inventory_table(inventory: &Inventory) -> String {
    let sections = [
        head(inventory),
        nodes(inventory),
        machines(inventory),
        packages(inventory),
        control_planes(inventory),
        etcd(inventory),
        api(inventory),
        findings(inventory),
    ];
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(inventory: &Inventory) -> String {
    let Inventory { cluster, version, server_version, taken_at, .. } = inventory;
    let mut text = format!("Cluster at {}, looked at {taken_at}\n", cluster.endpoint);
    let _ = writeln!(text, "  kubeadm-config names {version}, the API server is {server_version}");
    match inventory.control_plane_endpoint() {
        Some(endpoint) => drop(writeln!(text, "  Control planes are reached at {endpoint}")),
        None => text.push_str("  kubeadm-config names no controlPlaneEndpoint\n"),
    }
    for (what, names) in
        [("checks of /readyz", &inventory.unready_checks), ("system pods", &inventory.unready_pods)]
    {
        if !names.is_empty() {
            let _ = writeln!(text, "  Not ready, {what}: {}", names.join(", "));
        }
    }
    text
}

fn nodes(inventory: &Inventory) -> String {
    let row = |seen: &NodeInventory| {
        let node = &seen.node;
        let state = match (node.ready, node.unschedulable) {
            (true, false) => "Ready",
            (true, true) => "Ready, cordoned",
            (false, false) => "NotReady",
            (false, true) => "NotReady, cordoned",
        };
        vec![
            node.name.clone(),
            if node.control_plane { "control plane" } else { "worker" }.to_owned(),
            state.to_owned(),
            node.kubelet_version.clone(),
            node.runtime.clone(),
            seen.address.clone(),
            seen.seen_at.to_string(),
        ]
    };
    let header = ["NODE", "ROLE", "STATE", "KUBELET", "RUNTIME", "ADDRESS", "SEEN"];
    table(&header, inventory.nodes.iter().map(row).collect())
}

fn machines(inventory: &Inventory) -> String {
    let row = |seen: &NodeInventory| {
        let survey = &seen.survey;
        let least = seen.facts.free_kib.values().min().copied().unwrap_or_default();
        let clock = match clock_ahead(seen) {
            -2..=0 => "right".to_owned(),
            ahead => format!("{ahead:+}s"),
        };
        let cgroup = match survey.cgroup_version {
            0 => "unknown".to_owned(),
            version => format!("v{version}"),
        };
        vec![
            seen.node.name.clone(),
            survey.os.clone(),
            survey.kernel.clone(),
            cgroup,
            or_none(&survey.swap),
            format!("{} MiB", least / 1024),
            clock,
            or_none(&survey.cni),
        ]
    };
    let header = ["MACHINE", "SYSTEM", "KERNEL", "CGROUP", "SWAP", "LEAST FREE", "CLOCK", "CNI"];
    table(&header, inventory.nodes.iter().map(row).collect())
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn packages(inventory: &Inventory) -> String {
    let row = |seen: &NodeInventory| {
        let mut row = vec![seen.node.name.clone()];
        row.extend(PACKAGES.map(|name| seen.packages.version(name).to_owned()));
        let held = PACKAGES.iter().filter(|name| seen.packages.is_held(name));
        row.push(or_none(&held.map(|name| (*name).to_owned()).collect::<Vec<_>>()));
        let minors = seen.offers.minors.iter().map(|(minor, offered)| match &offered.unreadable {
            Some(why) => format!("{minor}: {why}"),
            None => match seen.offers.releases(minor).first() {
                Some(newest) => newest.to_string(),
                None => format!("{minor}: nothing"),
            },
        });
        row.push(minors.collect::<Vec<_>>().join(", "));
        row
    };
    let header = ["PACKAGES", "KUBEADM", "KUBELET", "KUBECTL", "HELD", "NEWEST OFFERED"];
    table(&header, inventory.nodes.iter().map(row).collect())
}

fn control_planes(inventory: &Inventory) -> String {
    let row = |seen: &NodeInventory| {
        let answer = seen.survey.api_server.as_ref();
        let state = answer.map(|answer| match answer.unready.as_str() {
            "" => "ready".to_owned(),
            unready => unready.to_owned(),
        });
        let soonest = seen.survey.certificates.iter().min_by_key(|certificate| certificate.ends);
        let soonest = soonest.map(|it| format!("{} {}", date(it.ends), it.path));
        let image = |component: &str| tag(seen.control_plane.image(component));
        vec![
            seen.node.name.clone(),
            answer.map(|answer| answer.version.clone()).unwrap_or_default(),
            state.unwrap_or_default(),
            image("kube-controller-manager"),
            image("kube-scheduler"),
            image("etcd"),
            soonest.unwrap_or_default(),
        ]
    };
    let masters = inventory.nodes.iter().filter(|seen| seen.node.control_plane);
    let header = [
        "CONTROL PLANE",
        "API SERVER",
        "/READYZ",
        "CONTROLLERS",
        "SCHEDULER",
        "ETCD",
        "FIRST CERTIFICATE TO END",
    ];
    table(&header, masters.map(row).collect())
}

fn date(seconds: i64) -> String {
    Timestamp(seconds.saturating_mul(1_000_000_000)).to_utc().format("%Y-%m-%d").to_string()
}

fn tag(image: &str) -> String {
    tag_of(image).unwrap_or(image).to_owned()
}

fn etcd(inventory: &Inventory) -> String {
    let survey = match &inventory.etcd {
        Ok(survey) => survey,
        Err(why) => return format!("etcd: {why}\n"),
    };
    let EtcdSurvey { kind, members, alarms } = survey;
    let kind = match kind {
        EtcdKind::Stacked => "beside the API servers",
        EtcdKind::External => "outside the cluster",
    };
    let alarms = if alarms.is_empty() { "no alarms".to_owned() } else { alarms.join(", ") };
    let header = ["ETCD", "ENDPOINT", "VERSION", "SIZE", "OF", "ROLE", "STATE"];
    let rows = members.iter().map(member).collect();
    format!("etcd {kind}, {alarms}\n{}", table(&header, rows))
}

fn member(member: &EtcdMember) -> Vec<String> {
    let name = if member.name.is_empty() { member.id.clone() } else { member.name.clone() };
    let mut row = vec![name, member.endpoint.clone()];
    match &member.status {
        Err(why) => {
            row.extend([String::new(), String::new(), String::new(), String::new(), why.clone()]);
        }
        Ok(status) => {
            let role = match (member.is_learner, status.leader == member.id) {
                (true, _) => "learner",
                (false, true) => "leader",
                (false, false) => "follower",
            };
            let state = match status.errors.is_empty() {
                true => "well".to_owned(),
                false => status.errors.join("; "),
            };
            let size = |bytes: u64| format!("{} MiB", bytes.div_ceil(MIB));
            let (used, quota) = (size(status.db_size), size(status.quota));
            row.extend([status.version.clone(), used, quota, role.to_owned(), state]);
        }
    }
    row
}

fn api(inventory: &Inventory) -> String {
    let survey = &inventory.survey;
    fn counted<T>(part: &Result<Vec<T>, String>) -> String {
        match part {
            Ok(found) => found.len().to_string(),
            Err(why) => format!("could not be read: {why}"),
        }
    }
    let maps = survey.config_maps.as_ref().map(|maps| maps.keys().collect::<Vec<_>>());
    let rows = [
        ("pods", counted(&survey.pods)),
        ("disruption budgets", counted(&survey.budgets)),
        ("workloads", counted(&survey.workloads)),
        ("bound volume claims", counted(&survey.claims)),
        ("admission webhooks", counted(&survey.webhooks)),
        ("custom resources", counted(&survey.custom_resources)),
        ("deprecated APIs asked for", counted(&survey.deprecated_requests)),
        ("objects applied in an API that goes", counted(&survey.last_applied)),
        ("kured", counted(&survey.kured)),
        ("API services", counted(&survey.api_services)),
        ("kubeadm's ConfigMaps", counted(&maps.map_err(Clone::clone))),
    ];
    table(&["API", "SEEN"], rows.map(|(what, seen)| vec![what.to_owned(), seen]).to_vec())
}

/// Returns what is not as one would like it: nodes that are not part of the rest, and parts that are missing.
fn findings(inventory: &Inventory) -> String {
    let mut text = String::new();
    for silent in &inventory.silent {
        let (name, address) = (&silent.node.name, &silent.address);
        let _ = writeln!(text, "Node {name} does not answer at `{address}`: {}", silent.why);
    }
    for node in &inventory.foreign {
        let _ = writeln!(text, "Node {} runs {}: kup leaves it as it is", node.name, node.os);
    }
    for seen in &inventory.nodes {
        for what in &seen.survey.unreadable {
            let _ = writeln!(text, "Node {} could not tell: {what}", seen.node.name);
        }
    }
    text
}
