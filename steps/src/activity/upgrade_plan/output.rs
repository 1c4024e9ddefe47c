//! What `kubeadm upgrade plan` prints, as its table and as `-o json`. Pure.
//! The tables are kubeadm's (`cmd/upgrade/plan.go`); the JSON is `UpgradePlan` of `output.kubeadm.k8s.io/v1alpha3`.

use serde::Deserialize;

/// What kubeadm would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOutput {
    /// The components and what becomes of each.
    pub components: Vec<Component>,
    /// API groups of component configs that a person must upgrade first.
    pub manual: Vec<String>,
}

/// A component as kubeadm's plan shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name, such as `kube-apiserver` or `CoreDNS`.
    pub name: String,
    /// The node that has it; empty for what belongs to the cluster.
    pub node: String,
    /// What it is at.
    pub current: String,
    /// What it would be at.
    pub target: String,
}

/// Reads what kubeadm printed. Nothing where it printed nothing: then no upgrade is available.
#[must_use]
pub fn read(text: &str) -> PlanOutput {
    // kubeadm's warnings may stand before and after.
    let json = text.find("{\n").and_then(|start| {
        let plans = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<Plan>();
        plans.filter_map(Result::ok).next()
    });
    match json {
        Some(plan) => plan.into(),
        None => PlanOutput { components: components(text), manual: manual(text) },
    }
}

/// A table ends with an empty line, and so does each of its parts.
fn rows<'a>(text: &'a str, head: &'static str) -> impl Iterator<Item = &'a str> {
    let mut is_inside = false;
    text.lines().filter(move |line| {
        let is_head = line.starts_with(head);
        is_inside = is_head || is_inside && !line.is_empty() && !line.starts_with('_');
        is_inside && !is_head
    })
}

/// The column NODE is empty for what belongs to the cluster.
fn components(text: &str) -> Vec<Component> {
    let component = |row: &str| match row.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, node, current, target] => Some(component(name, node, (current, target))),
        [name, current, target] => Some(component(name, "", (current, target))),
        _ => None,
    };
    rows(text, "COMPONENT ").filter_map(component).collect()
}

fn component(name: &str, node: &str, (current, target): (&str, &str)) -> Component {
    let [name, node, current, target] = [name, node, current, target].map(str::to_owned);
    Component { name, node, current, target }
}

fn manual(text: &str) -> Vec<String> {
    let group = |row: &str| match row.split_whitespace().collect::<Vec<_>>().as_slice() {
        [group, .., "yes"] => Some((*group).to_owned()),
        _ => None,
    };
    rows(text, "API GROUP").filter_map(group).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    #[serde(default)]
    available_upgrades: Vec<Upgrade>,
    #[serde(default)]
    config_versions: Vec<ConfigVersion>,
}

#[derive(Deserialize)]
struct Upgrade {
    #[serde(default)]
    components: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    current_version: String,
    new_version: String,
    #[serde(default)]
    node_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigVersion {
    group: String,
    manual_upgrade_required: bool,
}

impl From<Plan> for PlanOutput {
    fn from(plan: Plan) -> Self {
        let rows = plan.available_upgrades.into_iter().flat_map(|upgrade| upgrade.components);
        let component = |row: Row| Component {
            name: row.name,
            node: row.node_name,
            current: row.current_version,
            target: row.new_version,
        };
        let manual = plan.config_versions.into_iter().filter(|it| it.manual_upgrade_required);
        Self {
            components: rows.map(component).collect(),
            manual: manual.map(|config| config.group).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_that_need_a_person_are_found() {
        let table = "COMPONENT NODE\n\nAPI GROUP   CURRENT VERSION   PREFERRED VERSION   MANUAL UPGRADE REQUIRED\n\
            kubeproxy.config.k8s.io   v1alpha1   v1alpha1   no\nkubelet.config.k8s.io   v1alpha1   v1beta1   yes\n____\n";
        assert_eq!(read(table).manual, ["kubelet.config.k8s.io"]);
        assert_eq!(read("yes\n"), PlanOutput::default());
    }

    #[test]
    fn json_is_found_among_warnings() {
        let text = "W1123 a warning\n{\n \"availableUpgrades\": [], \"configVersions\": [{\"group\": \"a\", \"manualUpgradeRequired\": true}]}\nW1123\n";
        assert_eq!(read(text).manual, ["a"]);
    }
}
