//! Can every custom resource that is stored still be read?

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::cluster::survey::CustomResource;

pub(super) const ABOUT: About = About {
    code: "K116",
    name: "stored-versions",
    question: "Is every version in which custom resources are stored still served, and can their conversion be asked?",
    why: "Objects in a version that is served no longer are read by nobody but the conversion, and the next release of their operator refuses its own definition; while a conversion webhook is away no object of its kind can be read, which also holds up the deletion of namespaces and garbage collection (CustomResourceDefinition versioning).",
    remedy: "store the objects anew and take the version off status.storedVersions: `kubectl get --raw /apis/apiextensions.k8s.io/v1/customresourcedefinitions/NAME`, then `kubectl patch crd NAME --subresource=status --type merge -p '{\"status\":{\"storedVersions\":[\"v1\"]}}'`; make the pods of a conversion webhook ready",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let definitions = match &question.inventory.survey.custom_resources {
        Ok(definitions) => definitions,
        Err(why) => return unread(&format!("the custom resource definitions: {why}")),
    };
    let wrong: Vec<String> = definitions.iter().flat_map(on_definition).collect();
    if wrong.is_empty() {
        let n_definitions = definitions.len();
        super::pass(format!(
            "all versions that {n_definitions} custom resources are stored in are served"
        ))
    } else {
        super::warn(super::some(&wrong), ABOUT.remedy)
    }
}

fn on_definition(definition: &CustomResource) -> Vec<String> {
    let name = &definition.name;
    let mut wrong = Vec::new();
    for version in definition.stored.iter().filter(|it| !definition.served.contains(it)) {
        wrong.push(match definition.versions.contains(version) {
            true => format!("{name} is stored as {version}, which is not served"),
            false => format!("{name} is stored as {version}, which its definition does not have"),
        });
    }
    if let Some((service, false)) = &definition.conversion {
        wrong.push(format!("the conversion of {name} by service {service} has no ready endpoint"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use kup_core::event::Verdict;

    use super::check;
    use crate::cluster::survey::CustomResource;
    use crate::inventory::sample::{ask, healthy, passes, warns};

    fn with(edit: impl Fn(&mut CustomResource)) -> Verdict {
        let list = |versions: &[&str]| versions.iter().map(|v| (*v).to_owned()).collect();
        let mut definition = CustomResource {
            name: "certificates.cert-manager.io".to_owned(),
            stored: list(&["v1"]),
            served: list(&["v1"]),
            versions: list(&["v1", "v1alpha2"]),
            conversion: Some(("cert-manager/webhook".to_owned(), true)),
        };
        edit(&mut definition);
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.custom_resources = Ok(vec![definition]);
        ask(check, &inventory, &["v1.36.2"])
    }

    #[test]
    fn passes_while_all_that_is_stored_is_served() {
        passes(with(|_| {}));
    }

    #[test]
    fn warns_of_versions_that_nobody_serves() {
        let unserved = with(|it| it.stored.push("v1alpha2".to_owned()));
        warns(
            unserved,
            &["certificates.cert-manager.io is stored as v1alpha2, which is not served"],
        );
        let missing = with(|it| it.stored.push("v1beta1".to_owned()));
        warns(missing, &["v1beta1, which its definition does not have"]);
    }

    #[test]
    fn warns_of_a_conversion_that_nobody_does() {
        let away = with(|it| it.conversion = Some(("cert-manager/webhook".to_owned(), false)));
        warns(away, &["service cert-manager/webhook has no ready endpoint"]);
    }
}
