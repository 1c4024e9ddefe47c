//! Reads what `kubeadm upgrade apply --dry-run` and `kubeadm upgrade diff` print. Pure. Older versions put a tab before every line of a
//! content, newer ones put nothing; a line that begins with `[` ends it in both.

use serde_yaml_ng::{Mapping, Value};

/// What a dry run says that it would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DryRun {
    /// Files that it would write: path and contents.
    pub files: Vec<(String, String)>,
    /// Objects that it would write.
    pub objects: Vec<Object>,
    /// What else it would do to objects, in words.
    pub others: Vec<String>,
}

/// An object that a dry run would write.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Kind, namespace and name, such as `ConfigMap kube-system/kubelet-config`.
    pub name: String,
    /// As it would be.
    pub new: Value,
    /// As it is, where the dry run has read it.
    pub old: Option<Value>,
}

/// Reads the output of `kubeadm upgrade apply --dry-run`. Secrets are passed over.
#[must_use]
pub fn parse(text: &str) -> DryRun {
    let mut run = DryRun::default();
    let mut seen: Vec<(String, Value)> = Vec::new();
    let mut action = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(path) = between(line, "[dryrun] Would write file \"", "\" with content:") {
            run.files.push((path.to_owned(), content(&mut lines)));
        } else if let Some(rest) = line.strip_prefix("[dryrun] Would perform action ") {
            rest.clone_into(&mut action);
        } else if line.starts_with("[dryrun] Returning faked") {
            seen.extend(object(&content(&mut lines)));
        } else if line.starts_with("[dryrun] Attached object") {
            let written = object(&content(&mut lines)).filter(|_| writes(&action));
            run.objects.extend(written.map(|(name, new)| {
                let old = seen.iter().rev().find(|(known, _)| *known == name);
                Object { old: old.map(|(_, old)| old.clone()), name, new }
            }));
        } else if let Some(name) = between(line, "[dryrun] Resource name: \"", "\"")
            && let Some(rest) = action.strip_prefix("DELETE on resource ")
        {
            let resource = rest.split(' ').next().unwrap_or_default().trim_matches('"');
            run.others.push(format!("deletes {name} of {resource}, where it is"));
        }
    }
    run
}

fn writes(action: &str) -> bool {
    ["CREATE", "UPDATE"].iter().any(|verb| action.starts_with(verb))
}

fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

fn content<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> String {
    let mut text = String::new();
    let mut tab = None;
    while let Some(line) = lines.next_if(|line| !line.starts_with('[')) {
        let has_tab = *tab.get_or_insert(line.starts_with('\t'));
        text += if has_tab { line.strip_prefix('\t').unwrap_or(line) } else { line };
        text.push('\n');
    }
    text
}

/// Reads an object; `None` for a Secret and for what is none.
fn object(text: &str) -> Option<(String, Value)> {
    let value: Value = serde_yaml_ng::from_str(text).ok()?;
    let text_at = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let kind = text_at(&value, "kind")?;
    let metadata = value.get("metadata")?;
    let name = text_at(metadata, "name")?;
    let namespace = text_at(metadata, "namespace").map(|it| format!("{it}/")).unwrap_or_default();
    (kind != "Secret").then(|| (format!("{kind} {namespace}{name}"), value))
}

/// Returns of the old object what the new one says something about: all else is filled in by the API server.
#[must_use]
pub fn as_far_as(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (Value::Mapping(old), Value::Mapping(new)) => {
            let both = new.iter().filter_map(|(key, new)| {
                let old = old.get(key)?;
                Some((key.clone(), as_far_as(old, new)))
            });
            Value::Mapping(both.collect::<Mapping>())
        }
        (Value::Sequence(old), Value::Sequence(new)) => {
            let one = |(n, old): (usize, &Value)| match new.get(n) {
                Some(new) => as_far_as(old, new),
                None => old.clone(),
            };
            Value::Sequence(old.iter().enumerate().map(one).collect())
        }
        (old, _) => old.clone(),
    }
}

/// Takes away what no operator asks about: `null`s of what was not set, and an object's status.
#[must_use]
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Mapping(fields) => {
            let kept = fields
                .iter()
                .filter(|(name, value)| !value.is_null() && name.as_str() != Some("status"));
            Value::Mapping(kept.map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Value::Sequence(items) => Value::Sequence(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// Reads the output of `kubeadm upgrade diff`: each file with its hunks.
#[must_use]
pub fn parse_diff(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('[') && !line.starts_with("+++ ")) {
        if let Some(path) = line.strip_prefix("--- ") {
            files.push((path.split('\t').next().unwrap_or(path).to_owned(), String::new()));
        } else if let Some((_, hunks)) = files.last_mut() {
            hunks.push_str(line);
            hunks.push('\n');
        }
    }
    files
}
