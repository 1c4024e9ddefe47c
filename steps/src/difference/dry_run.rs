//! Reads what `kubeadm upgrade apply --dry-run` prints. Pure. Until 1.31 there is a tab before every line of a content, from 1.32 on there is
//! nothing; a line that begins with `[` ends it in both.

use std::iter::Peekable;

use serde_yaml_ng::Value;

use crate::cluster::ObjectName;

/// What kubeadm would do that changes nothing for longer than it runs.
const PASSING: [&str; 4] = ["wait", "make sure", "pull", "back up"];
/// The object by which kubeadm tries whether the cluster works, before everything else.
const TRIAL: &str = "upgrade-health-check";

/// What a dry run says that it would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DryRun {
    /// Files that it would write: path and contents.
    pub(super) files: Vec<(String, String)>,
    /// Objects that it would write, each as it would be in the end.
    pub(super) objects: Vec<(ObjectName, Value)>,
    /// What else it would do, in words that go on after `kubeadm would`.
    pub(super) others: Vec<String>,
}

/// What was said last.
#[derive(Default)]
struct Action {
    verb: String,
    resource: String,
    name: String,
}

/// Reads the output of `kubeadm upgrade apply --dry-run`.
#[must_use]
pub(super) fn parse(text: &str) -> DryRun {
    let mut run = DryRun::default();
    let mut action = Action::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(said) = line.strip_prefix("[dryrun] ") else { continue };
        if let Some(path) = quoted(said, "Would write file ") {
            run.files.push((path.to_owned(), content(&mut lines)));
        } else if let Some(rest) = said.strip_prefix("Would perform action ") {
            action = Action::of(rest);
        } else if let Some(name) =
            quoted(said, "Resource name: ").or_else(|| quoted(said, "Resource name "))
        {
            name.clone_into(&mut action.name);
            run.others.extend(action.without_object());
        } else if said.starts_with("Attached object") {
            run.object(&action, &content(&mut lines));
        } else if let Some(rest) = said.strip_prefix("Would ") {
            let is_passing = PASSING.iter().any(|it| rest.starts_with(it)) || rest.contains(TRIAL);
            run.others.extend((!is_passing).then(|| rest.to_owned()));
        }
    }
    run
}

impl Action {
    fn of(rest: &str) -> Self {
        let verb = rest.split(' ').next().unwrap_or_default().to_owned();
        let resource = rest.split('"').nth(1).unwrap_or_default().to_owned();
        Self { verb, resource, name: String::new() }
    }

    fn writes(&self) -> bool {
        self.verb == "CREATE" || self.verb == "UPDATE"
    }

    fn without_object(&self) -> Option<String> {
        let Self { verb, resource, name } = self;
        let is_told = (verb == "DELETE" || verb == "PATCH") && !name.starts_with(TRIAL);
        is_told.then(|| format!("{} {name} of {resource}", verb.to_lowercase()))
    }
}

impl DryRun {
    fn object(&mut self, action: &Action, text: &str) {
        if !action.writes() {
            return;
        }
        let value: Option<Value> = serde_yaml_ng::from_str(text).ok().map(without_namespace);
        let named = value.as_ref().and_then(named);
        match (named, value) {
            // What kubeadm only asks has no name.
            (None, Some(_)) => {}
            (Some(name), Some(_)) if name.kind == "Secret" => {
                self.others.push(format!("write {name}, which kup does not show"));
            }
            (Some(name), Some(value)) => {
                self.objects.retain(|(known, _)| *known != name);
                if !name.name.starts_with(TRIAL) {
                    self.objects.push((name, value));
                }
            }
            (_, None) => {
                let Action { resource, name, .. } = action;
                let what = format!("write {name} of {resource}, in words that kup does not know");
                self.others.push(what);
            }
        }
    }
}

fn quoted<'a>(said: &'a str, before: &str) -> Option<&'a str> {
    said.strip_prefix(before)?.strip_prefix('"')?.split('"').next()
}

fn content<'a>(lines: &mut Peekable<impl Iterator<Item = &'a str>>) -> String {
    let mut text = String::new();
    let mut has_tab = None;
    while let Some(line) = lines.next_if(|line| !line.starts_with('[')) {
        let has_tab = *has_tab.get_or_insert(line.starts_with('\t'));
        text += if has_tab { line.strip_prefix('\t').unwrap_or(line) } else { line };
        text.push('\n');
    }
    let length = text.trim_end().len();
    text.truncate(length);
    text.push('\n');
    text
}

/// kubeadm gives a namespace to ClusterRoles too, which have none.
fn without_namespace(mut value: Value) -> Value {
    let is_of_the_cluster =
        value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("Cluster"));
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_mapping_mut)
        && is_of_the_cluster
    {
        metadata.remove("namespace");
    }
    value
}

fn named(value: &Value) -> Option<ObjectName> {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let metadata = value.get("metadata")?;
    Some(ObjectName {
        api_version: text(value, "apiVersion")?,
        kind: text(value, "kind")?,
        namespace: text(metadata, "namespace").unwrap_or_default(),
        name: text(metadata, "name").filter(|name| !name.is_empty())?,
    })
}

#[cfg(test)]
mod tests;
