//! What etcd says of itself, through a control plane. Reads `node/etcd.sh`, which prints etcd's own JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reply::{self, Lines};
use crate::host::Host;
use crate::script::{self, Script};
use crate::world::host_error;

/// The quota of a member that was given none, in bytes.
const DEFAULT_QUOTA: u64 = 2 << 30;

/// Where etcd lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EtcdKind {
    /// As static pods of the control planes.
    Stacked,
    /// Somewhere else: kup takes its snapshot and touches nothing.
    External,
}

/// etcd's members and their health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdSurvey {
    /// Where it lives.
    pub kind: EtcdKind,
    /// The members in its list.
    pub members: Vec<EtcdMember>,
    /// Alarms, each as `NOSPACE on cp1`.
    pub alarms: Vec<String>,
}

/// A member of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdMember {
    /// Its name; empty when it was added and never started.
    pub name: String,
    /// Its id in hexadecimal.
    pub id: String,
    /// Where clients reach it; empty when it never started.
    pub endpoint: String,
    /// Whether it does not vote yet.
    pub is_learner: bool,
    /// What it says of itself, or why it did not.
    pub status: Result<EtcdStatus, String>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdStatus {
    /// Its version, e.g. `3.5.24`.
    pub version: String,
    /// The size of its file in bytes.
    pub db_size: u64,
    /// How much of that is in use.
    pub db_in_use: u64,
    /// Its quota in bytes (etcd's default of 2 GiB where the member does not say).
    pub quota: u64,
    /// The id of the member that it takes for the leader; empty when there is none.
    pub leader: String,
    /// What it complains of.
    pub errors: Vec<String>,
}

impl EtcdSurvey {
    /// Asks a control plane: first who the members are, then each of them how it is.
    ///
    /// # Errors
    /// Says why nobody could tell.
    pub async fn read(host: &dyn Host) -> Result<Self, String> {
        let mut listed = Self::listed(&ask(host, Vec::new()).await?)?;
        let endpoints = listed.members.iter().map(|member| member.endpoint.clone());
        let endpoints = endpoints.filter(|endpoint| is_endpoint(endpoint)).collect();
        listed.hear(&ask(host, endpoints).await?);
        Ok(listed)
    }

    /// Returns the size of the largest member's file in bytes, which is about that of a snapshot.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        self.members.iter().filter_map(|it| Some(it.status.as_ref().ok()?.db_size)).max()
    }

    /// Returns the members and the alarms; nobody has been asked yet how it is.
    fn listed(lines: &Lines) -> Result<Self, String> {
        if let Some(why) = lines.get("unknown").ok().and_then(reply::not_empty) {
            return Err(why);
        }
        let kinds = [("stacked", EtcdKind::Stacked), ("external", EtcdKind::External)];
        let kind = lines.one_of("kind", &kinds).map_err(|error| error.to_string())?;
        let members = json(lines, "members")?;
        let members: Vec<EtcdMember> = list(&members, "members").iter().map(member).collect();
        if members.is_empty() {
            return Err("etcd's list of members is empty".to_owned());
        }
        let alarms = alarms(lines, &members)?;
        Ok(Self { kind, members, alarms })
    }

    /// Takes over what the members say of themselves.
    fn hear(&mut self, lines: &Lines) {
        let quota = lines.get("quota").ok().and_then(|quota| quota.parse().ok());
        for member in &mut self.members {
            let endpoint = &member.endpoint;
            if let Ok(why) = lines.get(&format!("silent:{endpoint}")) {
                member.status = Err(why.to_owned());
            } else if is_endpoint(endpoint) {
                let said = json(lines, &format!("status:{endpoint}"));
                member.status = said.map(|said| status(&said, quota.unwrap_or(DEFAULT_QUOTA)));
            }
        }
    }
}

async fn ask(host: &dyn Host, endpoints: Vec<String>) -> Result<Lines, String> {
    let lines = Lines::ask(host, &Script::new(script::ETCD, endpoints)).await;
    lines.map_err(|error| host_error(&error).to_record().to_string())
}

/// An endpoint goes to the node as an argument: it must look like one.
fn is_endpoint(text: &str) -> bool {
    let known = text.starts_with("https://") || text.starts_with("http://");
    known && !text.contains(|c: char| c.is_whitespace() || c == '=')
}

fn json(lines: &Lines, key: &str) -> Result<Value, String> {
    let text = lines.get(key).and_then(|text| lines.decoded(text)).map_err(|e| e.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("etcd's answer makes no sense: {error}"))
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(object: &Value, key: &str) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The gateway writes 64 bits as text, etcdctl as a number, and both leave a zero out.
fn number(object: &Value, key: &str) -> u64 {
    let value = object.get(key);
    let written = value.and_then(Value::as_str).and_then(|text| text.parse().ok());
    written.or_else(|| value.and_then(Value::as_u64)).unwrap_or_default()
}

fn id(object: &Value, key: &str) -> String {
    format!("{:x}", number(object, key))
}

fn member(found: &Value) -> EtcdMember {
    let urls = list(found, "clientURLs");
    let endpoint = urls.first().and_then(Value::as_str).unwrap_or_default().to_owned();
    let never = "it was added to the list and has never started".to_owned();
    let is_learner = found.get("isLearner").and_then(Value::as_bool).unwrap_or_default();
    let name = text(found, "name");
    EtcdMember { name, id: id(found, "ID"), endpoint, is_learner, status: Err(never) }
}

/// A list that cannot be read is as good a reason to stop as what could stand in it.
fn alarms(lines: &Lines, members: &[EtcdMember]) -> Result<Vec<String>, String> {
    if let Ok(why) = lines.get("no_alarms") {
        return Ok(vec![format!("the list of alarms cannot be read: {why}")]);
    }
    let found = json(lines, "alarms")?;
    Ok(list(&found, "alarms").iter().map(|found| alarm(found, members)).collect())
}

fn alarm(found: &Value, members: &[EtcdMember]) -> String {
    let id = id(found, "memberID");
    let kind = match (found.get("alarm").and_then(Value::as_str), number(found, "alarm")) {
        (Some(name), _) => name.to_owned(),
        (None, 1) => "NOSPACE".to_owned(),
        (None, 2) => "CORRUPT".to_owned(),
        (None, other) => format!("alarm {other}"),
    };
    let name = members.iter().find(|member| member.id == id).map(|member| member.name.as_str());
    format!("{kind} on {}", name.filter(|name| !name.is_empty()).unwrap_or(&id))
}

fn status(said: &Value, quota: u64) -> EtcdStatus {
    // etcdctl answers for a list of endpoints, the gateway for one.
    let said = said.get(0).and_then(|first| first.get("Status")).unwrap_or(said);
    let leader = number(said, "leader");
    let own_quota = number(said, "dbSizeQuota");
    let errors = list(said, "errors").iter().filter_map(Value::as_str).map(str::to_owned);
    EtcdStatus {
        version: text(said, "version"),
        db_size: number(said, "dbSize"),
        db_in_use: number(said, "dbSizeInUse"),
        quota: if own_quota == 0 { quota } else { own_quota },
        leader: if leader == 0 { String::new() } else { format!("{leader:x}") },
        errors: errors.collect(),
    }
}

#[cfg(test)]
mod tests;
