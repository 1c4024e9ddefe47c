//! The disruption controller (pkg/controller/disruption/disruption.go).

use super::{App, Citizen, Owner, Spec, State, Town, selector};
use crate::cluster::survey::Budget;

impl Town {
    /// Returns the budget with its status as of now.
    pub(super) fn budget(&self, spec: &Spec, state: &State) -> Budget {
        let mut budget = Budget {
            namespace: "shop".to_owned(),
            name: spec.name.clone(),
            selector: selector(&spec.app),
            min_available: spec.least.clone(),
            max_unavailable: spec.most.clone(),
            allowed: 0,
            healthy: 0,
            desired: 0,
            expected: 0,
            is_current: true,
            lets_unhealthy_go: spec.is_lenient,
        };
        let covered = state.pods.iter().filter(|it| budget.selector.selects(&it.pod.labels));
        let covered: Vec<&Citizen> = covered.collect();
        let Some((expected, desired)) = self.expect(spec, &covered) else { return budget };
        let healthy = covered.iter().filter(|it| it.pod.ready && !it.pod.terminating).count();
        budget.healthy = i64::try_from(healthy).unwrap();
        (budget.expected, budget.desired) = (expected, desired);
        if expected > 0 {
            budget.allowed = (budget.healthy - desired).max(0);
        }
        budget
    }

    /// Returns how many pods there should be, and how many of them must be healthy; `None` where the controller gives up.
    fn expect(&self, spec: &Spec, covered: &[&Citizen]) -> Option<(i64, i64)> {
        if let Some(least) = spec.least.as_ref().filter(|least| !least.ends_with('%')) {
            return Some((i64::try_from(covered.len()).unwrap(), least.parse().unwrap()));
        }
        let of = |app: &&App| covered.iter().any(|it| it.pod.labels["app"] == app.name);
        let apps: Vec<&App> = self.apps.iter().filter(of).collect();
        if apps.iter().any(|app| app.owner == Owner::DaemonSet) {
            return None;
        }
        let managed = apps.iter().filter(|app| app.owner == Owner::Replicas);
        let expected: i64 = managed.map(|app| i64::try_from(app.n_pods).unwrap()).sum();
        let scaled = |text: &String| match text.strip_suffix('%') {
            Some(percent) => (expected * percent.parse::<i64>().unwrap() + 99) / 100,
            None => text.parse().unwrap(),
        };
        Some(match (&spec.least, &spec.most) {
            (Some(least), _) => (expected, scaled(least)),
            (None, Some(most)) => (expected, (expected - scaled(most)).max(0)),
            (None, None) => unreachable!(),
        })
    }
}
