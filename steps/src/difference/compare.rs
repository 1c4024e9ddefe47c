//! Two texts or objects beside each other: what of them is comparable, what of them nobody should read, and their difference. Pure.

use std::collections::BTreeMap;

use serde_yaml_ng::{Mapping, Value};
use similar::TextDiff;

/// What the machine itself says in its kubelet's configuration, whatever the cluster's says.
const OF_THE_MACHINE: [&str; 2] = ["containerRuntimeEndpoint", "resolvConf"];
/// How names of flags, variables and fields end whose values are nobody's business.
const SECRET: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "access-key",
    "credential",
    "credentials",
];
const HIDDEN: &str = "(not shown)";

/// Returns the hunks of a unified diff; empty where the texts are equal. What looks like a secret is not in it.
pub(super) fn unified(old: &str, new: &str) -> String {
    let (old, new) = (concealed(old), concealed(new));
    TextDiff::from_lines(&old, &new).unified_diff().context_radius(3).to_string()
}

/// Returns the difference of two objects, as far as the new one says something: all else is filled in by the API server.
pub(super) fn of_objects(old: Option<&Value>, new: &Value) -> String {
    let text = |value: &Value| serde_yaml_ng::to_string(value).unwrap_or_default();
    let new = plain(new);
    let old = old.map(|old| text(&as_far_as(&plain(old), &new))).unwrap_or_default();
    unified(&old, &text(&new))
}

/// Returns the difference of two configurations of a kubelet: neither the order of fields nor a comment is a change.
pub(super) fn of_kubelet(old: &str, new: &str) -> String {
    match (fields(old), fields(new)) {
        (Some(old), Some(new)) => unified(&written(&old), &written(&new)),
        _ => unified(old, new),
    }
}

/// Returns what becomes of the cluster's configuration on the machine that has this one now.
pub(super) fn on_the_machine(cluster: &str, machine: &str) -> String {
    let (Some(mut new), Some(old)) = (fields(cluster), fields(machine)) else {
        return cluster.to_owned();
    };
    let own = OF_THE_MACHINE.iter().filter_map(|name| old.get_key_value(*name));
    new.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    written(&new)
}

type Fields = BTreeMap<String, Value>;

fn fields(text: &str) -> Option<Fields> {
    serde_yaml_ng::from_str(text).ok()
}

fn written(fields: &Fields) -> String {
    serde_yaml_ng::to_string(fields).unwrap_or_default()
}

/// Fields that are the API server's alone.
const OF_THE_SERVER: [&str; 2] = ["status", "resourceVersion"];

/// Takes away what only one side ever has: what the API server says, and fields that say nothing.
fn plain(value: &Value) -> Value {
    if let Some(fields) = value.as_mapping() {
        let is_ours = |name: &Value| !name.as_str().is_some_and(|it| OF_THE_SERVER.contains(&it));
        let fields = fields.iter().filter(|(name, _)| is_ours(name));
        let fields = fields.map(|(name, value)| (name.clone(), plain(value)));
        return Value::Mapping(fields.filter(|(_, value)| !says_nothing(value)).collect());
    }
    match value.as_sequence() {
        Some(items) => Value::Sequence(items.iter().map(plain).collect()),
        None => value.clone(),
    }
}

fn says_nothing(value: &Value) -> bool {
    value.is_null()
        || value.as_mapping().is_some_and(Mapping::is_empty)
        || value.as_sequence().is_some_and(Vec::is_empty)
}

fn as_far_as(old: &Value, new: &Value) -> Value {
    if let (Some(old), Some(new)) = (old.as_mapping(), new.as_mapping()) {
        let both = new.iter().filter_map(|(name, new)| {
            let old = old.get(name)?;
            Some((name.clone(), as_far_as(old, new)))
        });
        return Value::Mapping(both.collect());
    }
    let (Some(old_items), Some(new_items)) = (old.as_sequence(), new.as_sequence()) else {
        return old.clone();
    };
    let one = |(n, old): (usize, &Value)| match new_items.get(n) {
        Some(new) => as_far_as(old, new),
        None => old.clone(),
    };
    Value::Sequence(old_items.iter().enumerate().map(one).collect())
}

/// Manifests and configurations should hold no secrets, but variables and flags of theirs are written by people.
fn concealed(text: &str) -> String {
    let mut shown = String::new();
    let mut is_variable = false;
    for line in text.lines() {
        let bare = line.trim_start().trim_start_matches("- ");
        let value = if is_variable { bare.strip_prefix("value:") } else { None };
        let line = match value.or_else(|| secret_in(bare)) {
            Some(value) if is_secret(value) => {
                let kept = line.len().saturating_sub(value.len());
                format!("{} {HIDDEN}", line.get(..kept).unwrap_or_default())
            }
            _ => without_login(line),
        };
        is_variable = bare.strip_prefix("name:").is_some_and(names_secret);
        shown += &line;
        shown.push('\n');
    }
    shown
}

/// Returns the value in `--client-secret=value`, `DB_PASSWORD=value` or `password: value`.
fn secret_in(line: &str) -> Option<&str> {
    let at = line.find(['=', ':'])?;
    let (name, rest) = line.split_at(at);
    names_secret(name).then(|| rest.get(1..)).flatten()
}

fn names_secret(name: &str) -> bool {
    let name = name.trim().trim_matches(['"', '\'']).to_lowercase();
    SECRET.iter().any(|ending| name.ends_with(ending))
}

/// Paths and switches are no secrets.
fn is_secret(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    !(value.is_empty() || value.starts_with('/') || ["true", "false"].contains(&value))
}

/// Addresses of proxies may have a name and a password in them.
fn without_login(line: &str) -> String {
    let login = line.find("://").and_then(|at| {
        let rest = line.get(at + 3..)?;
        let host = rest.split(['/', ' ', '"', '\'']).next()?;
        Some((at + 3, host.rfind('@')?))
    });
    let Some((begin, length)) = login else { return line.to_owned() };
    let (before, rest) = line.split_at(begin);
    format!("{before}{HIDDEN}{}", rest.get(length..).unwrap_or_default())
}

#[cfg(test)]
mod tests;
