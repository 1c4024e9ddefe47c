//! Would an admission webhook refuse the pods that the upgrade makes, or the evictions that it asks for?

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::cluster::Node;
use crate::cluster::survey::Webhook;

pub(super) const ABOUT: About = About {
    code: "K117",
    name: "webhooks",
    question: "Does every admission webhook that pods and evictions must pass answer, also while any node is drained?",
    why: "Without an answer from a webhook whose failurePolicy is Fail the API server refuses the request: pods of the control plane do not appear, evicted pods are not made again, evictions fail with 500 (k/website: admission webhook good practices; kube-image-keeper#560).",
    remedy: "make the pods of its service ready: `kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE`; give it two replicas on two nodes; or let it leave kube-system out, or fail open, while the upgrade lasts: `kubectl edit KIND CONFIGURATION`",
    overruling: Overruling::Allowed,
};

/// A webhook that may take longer than this holds up every pod.
const PATIENCE_SECONDS: i64 = 15;

/// What a webhook does to the upgrade.
enum Finding {
    Stops(String),
    Disturbs(String),
}

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let webhooks = match &question.inventory.survey.webhooks {
        Ok(webhooks) => webhooks,
        Err(why) => return unread(&format!("the admission webhooks: {why}")),
    };
    let drained = question.draining(question.drain_options()).order;
    let enters = !question.entered().is_empty();
    let (mut stops, mut disturbs) = (Vec::new(), Vec::new());
    for webhook in webhooks.iter().filter(|webhook| webhook.fails_closed) {
        let away = unserved(webhook).or_else(|| moving(webhook, &drained));
        for finding in [away, slow(webhook), exact(webhook, enters)].into_iter().flatten() {
            match finding {
                Finding::Stops(what) => stops.push(what),
                Finding::Disturbs(what) => disturbs.push(what),
            }
        }
    }
    match (stops.is_empty(), disturbs.is_empty()) {
        (true, true) => super::pass(format!("{} webhooks; none stands in the way", webhooks.len())),
        (true, false) => super::warn(super::some(&disturbs), ABOUT.remedy),
        (false, _) => super::block(super::some(&[stops, disturbs].concat()), ABOUT.remedy),
    }
}

fn name(webhook: &Webhook) -> String {
    format!("{} of {} {}", webhook.name, webhook.kind, webhook.configuration)
}

/// A webhook that nobody serves now.
fn unserved(webhook: &Webhook) -> Option<Finding> {
    let (namespace, service) = webhook.service.as_ref()?;
    if !webhook.served_from.as_ref().is_some_and(Vec::is_empty) {
        return None;
    }
    let who = format!("{}: its service {namespace}/{service} has no ready endpoint", name(webhook));
    match (webhook.covers_pods, webhook.covers_kube_system) {
        (true, _) => Some(Finding::Stops(format!("{who}, and pods and evictions must pass it"))),
        (false, true) => Some(Finding::Disturbs(format!(
            "{who}, and what is written to kube-system may have to pass it"
        ))),
        (false, false) => None,
    }
}

/// A webhook that is served from one node only, which will be drained.
fn moving(webhook: &Webhook, drained: &[&Node]) -> Option<Finding> {
    let (namespace, service) = webhook.service.as_ref().filter(|_| webhook.covers_pods)?;
    let [node] = webhook.served_from.as_deref()? else { return None };
    drained.iter().any(|it| it.name == *node).then(|| {
        Finding::Disturbs(format!(
            "{} is served by {namespace}/{service} from {node} alone: while that is drained pods and evictions are refused",
            name(webhook)
        ))
    })
}

fn slow(webhook: &Webhook) -> Option<Finding> {
    let seconds = webhook.timeout_seconds;
    (webhook.covers_pods && seconds > PATIENCE_SECONDS).then(|| {
        Finding::Disturbs(format!("{} may take {seconds} s over every pod", name(webhook)))
    })
}

fn exact(webhook: &Webhook, enters_minor: bool) -> Option<Finding> {
    (enters_minor && !webhook.matches_equivalent).then(|| {
        let what = "is asked about the API versions that it names only (matchPolicy: Exact)";
        Finding::Disturbs(format!("{} {what}: newer ones pass it by", name(webhook)))
    })
}

#[cfg(test)]
mod tests {
    use super::{Webhook, check};
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    fn on(nodes: &[&str]) -> Option<Vec<String>> {
        Some(nodes.iter().map(|it| (*it).to_owned()).collect())
    }

    /// A webhook of the shop.
    fn with(edit: impl Fn(&mut Webhook)) -> Inventory {
        let mut webhook = Webhook {
            kind: "ValidatingWebhookConfiguration".to_owned(),
            configuration: "policy".to_owned(),
            name: "pods.policy.example".to_owned(),
            fails_closed: true,
            covers_pods: true,
            covers_kube_system: true,
            service: Some(("shop".to_owned(), "web".to_owned())),
            served_from: on(&["w1", "w2"]),
            timeout_seconds: 10,
            matches_equivalent: true,
        };
        edit(&mut webhook);
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.webhooks = Ok(vec![webhook]);
        inventory
    }

    #[test]
    fn passes_while_it_is_served_from_two_nodes() {
        passes(ask(check, &with(|_| {}), &["v1.36.2"]));
    }

    #[test]
    fn blocks_when_nobody_serves_what_pods_must_pass() {
        let away = with(|it| it.served_from = on(&[]));
        let words = ["pods.policy.example", "service shop/web has no ready endpoint"];
        blocks(ask(check, &away, &["v1.36.2"]), &words);
    }

    #[test]
    fn what_fails_open_or_is_about_other_things_does_not_block() {
        let open = with(|it| (it.served_from, it.fails_closed) = (on(&[]), false));
        passes(ask(check, &open, &["v1.36.2"]));
        let other = with(|it| {
            (it.served_from, it.covers_pods, it.covers_kube_system) = (on(&[]), false, false);
        });
        passes(ask(check, &other, &["v1.36.2"]));
        let system = with(|it| (it.served_from, it.covers_pods) = (on(&[]), false));
        warns(ask(check, &system, &["v1.36.2"]), &["kube-system"]);
    }

    #[test]
    fn warns_when_all_that_serve_it_are_drained_together() {
        let moving =
            |nodes: &[&str]| ask(check, &with(|it| it.served_from = on(nodes)), &["v1.36.2"]);
        warns(moving(&["w2"]), &["shop/web from w2 alone"]);
        passes(moving(&["w1", "w2"]));
        // One that runs on no node of the cluster is not drained.
        passes(moving(&[""]));
    }

    #[test]
    fn warns_of_long_waits_and_of_exact_versions() {
        let slow = with(|it| it.timeout_seconds = 30);
        warns(ask(check, &slow, &["v1.36.2"]), &["may take 30 s"]);
        let exact = with(|it| it.matches_equivalent = false);
        warns(ask(check, &exact, &["v1.36.2"]), &["matchPolicy: Exact"]);
        passes(ask(check, &exact, &["v1.35.7"]));
    }
}
