//! A plan in a file, with the facts that it rests on, so that exactly what was read is what is done. Described in `docs/PLAN_FORMAT.md`.
//!
//! The file is for one cluster and one version of kup. It holds no secrets: names, paths, versions and hashes only.

mod facts;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kup_core::event::Reach;
use kup_core::guard::Guard;
use kup_core::plan::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{CliError, Exit};

pub(crate) use facts::{Facts, compare, facts};

/// What stands in the file's `kind`.
const KIND: &str = "kup-plan";
/// The version of the format.
const FORMAT: u64 = 1;
/// A plan for a thousand nodes has some tens of MiB.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// What is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    kind: String,
    format: u64,
    /// The kup that made it.
    pub(crate) kup: String,
    /// When, and by whom.
    pub(crate) made: String,
    /// The words with which the plan was asked for.
    pub(crate) words: Vec<String>,
    pub(crate) reach: Reach,
    /// The codes of gates that are ignored.
    pub(crate) ignore: Vec<String>,
    /// How secret backups are kept.
    #[serde(default)]
    pub(crate) guard: Guard,
    pub(crate) facts: Facts,
    pub(crate) plan: Plan,
}

/// What a plan is saved with.
pub(crate) struct Saving<'a> {
    pub(crate) made: String,
    pub(crate) words: Vec<String>,
    pub(crate) reach: &'a Reach,
    pub(crate) ignore: Vec<String>,
    pub(crate) guard: &'a Guard,
    pub(crate) facts: Facts,
    pub(crate) plan: &'a Plan,
}

impl Saved {
    /// Puts a plan together with what it rests on.
    pub(crate) fn new(saving: Saving<'_>) -> Self {
        let Saving { made, words, reach, ignore, guard, facts, plan } = saving;
        let (reach, guard, plan) = (reach.clone(), guard.clone(), plan.clone());
        let (kind, kup) = (KIND.to_owned(), crate::command::VERSION.to_owned());
        Self { kind, format: FORMAT, kup, made, words, reach, ignore, guard, facts, plan }
    }

    /// Returns the command that makes such a plan anew.
    pub(crate) fn again(&self) -> String {
        format!("`kup {}` makes a new one", self.words.join(" "))
    }

    /// Writes the file, for the operator's eyes only; an older one of that name is replaced as a whole.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = |e: &dyn std::error::Error| {
            CliError::unchanged(
                Exit::Unexpected,
                format!("cannot save the plan to {}", path.display()),
            )
            .because(e)
        };
        let text = self.text().map_err(|e| failed(&e))?;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = Path::new(&name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(new).map_err(|e| failed(&e))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| std::fs::rename(new, path)).map_err(|e| failed(&e))
    }

    fn text(&self) -> Result<String, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        let sum = sum(&value);
        if let Value::Object(fields) = &mut value {
            fields.insert("sha256".to_owned(), Value::String(sum));
        }
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let shown = path.display();
        let wrong = |why: &str| {
            CliError::unchanged(Exit::Usage, format!("cannot use the plan in {shown}"))
                .cause(why.to_owned())
        };
        let size = std::fs::metadata(path).map_err(|e| wrong(&e.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(wrong("it is too large for a plan"));
        }
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&e.to_string()))?;
        Self::parse(&text)
            .map_err(|why| wrong(&why).hint("`kup plan VERSION --out FILE` saves a plan"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let damaged = || "it is damaged, or was changed by hand".to_owned();
        let mut value: Value =
            serde_json::from_str(text).map_err(|_| "it is not a saved plan".to_owned())?;
        if value.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err("it is not a saved plan".to_owned());
        }
        match value.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                return Err(format!(
                    "it has format {newer}, this kup knows {FORMAT}: use the newer kup"
                ));
            }
            Some(_) | None => return Err(damaged()),
        }
        let said = value.as_object_mut().and_then(|fields| fields.remove("sha256"));
        if said.as_ref().and_then(Value::as_str) != Some(sum(&value).as_str()) {
            return Err(damaged());
        }
        serde_json::from_value(value).map_err(|_| damaged())
    }
}

/// Returns the SHA-256 of a value's shortest form, fields sorted by name, so that it does not matter how the file is laid out.
fn sum(value: &Value) -> String {
    let sorted: BTreeMap<&String, &Value> = value.as_object().into_iter().flatten().collect();
    let text = serde_json::to_string(&sorted).unwrap_or_default();
    sha256(&text)
}

/// Returns the SHA-256 of a text in hexadecimal.
fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
