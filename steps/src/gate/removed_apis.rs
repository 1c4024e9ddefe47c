//! Does anybody still use an API that the upgrade removes?

use std::collections::BTreeSet;

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::cluster::survey::{AppliedObject, DeprecatedRequest};
use crate::release::{self, RemovedApi};

pub(super) const ABOUT: About = About {
    code: "K115",
    name: "removed-apis",
    question: "Does nobody ask for an API version that one of the minors removes?",
    why: "Objects stay readable in newer versions, but whoever asks for the old one gets 404 as soon as the API server is upgraded: controllers stop working, manifests cannot be applied (deprecation guide). The API server counts requests since its start (apiserver_requested_deprecated_apis); an object's last-applied annotation says in which version its manifest is written.",
    remedy: "find who asks, with `kubectl get --raw /metrics | grep apiserver_requested_deprecated_apis` and the audit annotation k8s.io/deprecated; upgrade it, and rewrite manifests with `kubectl convert -f FILE`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let survey = &question.inventory.survey;
    let entered = question.entered();
    if entered.is_empty() {
        return super::pass("a new patch removes no API");
    }
    let requests = survey.deprecated_requests.as_deref();
    let requests = requests.map_err(|why| format!("the API server's metrics: {why}"));
    let applied = survey.last_applied.as_deref();
    let applied = applied.map_err(|why| format!("last applied configurations: {why}"));
    let unreadable: Vec<String> =
        [requests.as_ref().err(), applied.as_ref().err()].into_iter().flatten().cloned().collect();
    let removed: Vec<(u32, &RemovedApi)> = release::entered(question.from, question.target())
        .flat_map(|release| release.removed_apis.iter().map(|api| (release.minor, api)))
        .collect();
    let requests = requests.unwrap_or_default().iter();
    let mut used: BTreeSet<String> =
        requests.filter_map(|request| requested(request, &entered, &removed)).collect();
    let applied = applied.unwrap_or_default().iter();
    used.extend(applied.filter_map(|object| named_in(object, &removed)));
    let used: Vec<String> = used.into_iter().collect();
    match (used.is_empty(), unreadable.is_empty()) {
        (true, true) => super::pass("nobody asks for an API that is removed on the way"),
        (true, false) => unread(&unreadable.join("; ")),
        (false, _) => super::warn(super::some(&used), ABOUT.remedy),
    }
}

/// Says that a request was for an API that is removed on the way.
fn requested(
    request: &DeprecatedRequest,
    entered: &[u32],
    removed: &[(u32, &RemovedApi)],
) -> Option<String> {
    let minor = request.removed_in.split_once('.')?.1.parse::<u32>().ok()?;
    if !entered.contains(&minor) {
        return None;
    }
    let DeprecatedRequest { group, version, resource, .. } = request;
    let known = |api: &&RemovedApi| {
        api.group == *group && api.version == *version && api.resource == *resource
    };
    let instead = instead(removed.iter().map(|(_, api)| *api).find(known));
    let version = match group.is_empty() {
        true => version.clone(),
        false => format!("{group}/{version}"),
    };
    Some(format!("{resource} of {version} are asked for; 1.{minor} removes them{instead}"))
}

/// Says that an object's manifest is written in an API that is removed on the way.
fn named_in(object: &AppliedObject, removed: &[(u32, &RemovedApi)]) -> Option<String> {
    let AppliedObject { api_version, kind, namespace, name } = object;
    let is_it = |(_, api): &&(u32, &RemovedApi)| {
        format!("{}/{}", api.group, api.version) == *api_version && api.kind == *kind
    };
    let (minor, api) = removed.iter().find(is_it)?;
    let place = match namespace.is_empty() {
        true => name.clone(),
        false => format!("{namespace}/{name}"),
    };
    let instead = instead(Some(api));
    Some(format!("{kind} {place} was applied as {api_version}; 1.{minor} removes it{instead}"))
}

fn instead(api: Option<&RemovedApi>) -> String {
    match api {
        Some(api) if !api.replacement.is_empty() => format!(", use {}", api.replacement),
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cluster::survey::{AppliedObject, DeprecatedRequest};
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, healthy, passes, warns};

    fn asked_for(version: &str, removed_in: &str) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.31.14");
        inventory.survey.deprecated_requests = Ok(vec![DeprecatedRequest {
            group: "flowcontrol.apiserver.k8s.io".to_owned(),
            version: version.to_owned(),
            resource: "flowschemas".to_owned(),
            removed_in: removed_in.to_owned(),
        }]);
        inventory
    }

    #[test]
    fn warns_of_what_is_asked_for_and_removed_on_the_way() {
        let inventory = asked_for("v1beta3", "1.32");
        let words = ["flowschemas of flowcontrol.apiserver.k8s.io/v1beta3", "1.32 removes", "/v1"];
        warns(ask(check, &inventory, &["v1.32.13"]), &words);
        warns(ask(check, &inventory, &["v1.32.13", "v1.33.13"]), &words);
    }

    #[test]
    fn what_is_removed_later_or_never_is_no_matter() {
        passes(ask(check, &asked_for("v1beta3", "1.33"), &["v1.32.13"]));
        passes(ask(check, &asked_for("v1beta3", ""), &["v1.32.13"]));
        passes(ask(check, &asked_for("v1beta3", "1.32"), &["v1.31.15"]));
    }

    #[test]
    fn warns_of_manifests_that_are_written_in_it() {
        let mut inventory = healthy(3, 2, "v1.21.14");
        inventory.survey.last_applied = Ok(vec![AppliedObject {
            api_version: "networking.k8s.io/v1beta1".to_owned(),
            kind: "Ingress".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        }]);
        let verdict = ask(check, &inventory, &["v1.22.17"]);
        warns(verdict, &["Ingress shop/web was applied as networking.k8s.io/v1beta1", "1.22"]);
    }

    #[test]
    fn says_when_the_metrics_could_not_be_read() {
        let mut inventory = healthy(3, 2, "v1.31.14");
        inventory.survey.deprecated_requests = Err("forbidden".to_owned());
        warns(ask(check, &inventory, &["v1.32.13"]), &["metrics: forbidden"]);
    }
}
