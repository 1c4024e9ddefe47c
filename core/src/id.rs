//! Names of things: runs, steps, positions in a journal, blobs. Newtypes, so that one is never taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Says what is wrong with a name that was given for a run, a step or a blob.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{given}` is not a {what}: {why}")]
pub struct InvalidId {
    what: &'static str,
    given: String,
    why: &'static str,
}

/// Names one run: the day it began and seven random letters, sixteen ASCII bytes in all,
/// e.g. `20261123-k3f9x2a`. Sorting by name sorts by day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// The length of every run id in bytes; the journal's frame header has room for exactly this.
    pub const LEN: usize = 16;

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = InvalidId;

    fn from_str(given: &str) -> Result<Self, InvalidId> {
        let wrong = |why| InvalidId { what: "run id", given: given.to_owned(), why };
        if given.len() != Self::LEN {
            return Err(wrong("it must have 16 characters, like 20261123-k3f9x2a"));
        }
        let (day, rest) = given.split_once('-').ok_or_else(|| wrong("there is no `-` in it"))?;
        let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if day.len() != 8
            || !day.bytes().all(|b| b.is_ascii_digit())
            || !rest.bytes().all(is_letter)
        {
            return Err(wrong("it must be eight digits, `-`, and seven small letters or digits"));
        }
        Ok(Self(given.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one step of a plan, e.g. `drain.w1`. It becomes a file name and part of a systemd unit's
/// name on the nodes, so only small letters, digits, `.` and `-` are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepId(String);

impl StepId {
    /// The longest id allowed, in bytes: a unit name and a file name have 255 at most.
    pub const MAX_LEN: usize = 160;

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StepId {
    type Err = InvalidId;

    fn from_str(given: &str) -> Result<Self, InvalidId> {
        let wrong = |why| InvalidId { what: "step id", given: given.to_owned(), why };
        if given.is_empty() || given.len() > Self::MAX_LEN {
            return Err(wrong("it must have 1 to 160 characters"));
        }
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
        if !given.bytes().all(allowed) || given.starts_with(['.', '-']) {
            return Err(wrong("only small letters, digits, `.` and `-` may stand in it"));
        }
        Ok(Self(given.to_owned()))
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The position of an entry in its run's journal, counted from 1 without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seq(pub u64);

/// Counts the processes that have driven a run: 1 for the first, one more for each that took it
/// over. Nodes refuse a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a blob by the SHA-256 of its bytes, in 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId(String);

impl BlobId {
    /// Returns the digest in hexadecimal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobId {
    type Err = InvalidId;

    fn from_str(given: &str) -> Result<Self, InvalidId> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if given.len() != 64 || !given.bytes().all(is_hex) {
            let why = "it must be 64 hexadecimal digits";
            return Err(InvalidId { what: "SHA-256", given: given.to_owned(), why });
        }
        Ok(Self(given.to_owned()))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! through_text {
    ($($name:ident)*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

// What is read from a journal or from JSON is checked like what is typed.
through_text! { RunId StepId BlobId }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_a_day_and_seven_letters() {
        assert!("20261123-k3f9x2a".parse::<RunId>().is_ok());
        for wrong in
            ["", "20261123-K3F9X2A", "2026112-k3f9x2aa", "../../../../etc/", "20261123k3f9x2ab"]
        {
            assert!(wrong.parse::<RunId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn step_ids_cannot_leave_their_folder() {
        assert!("drain.node-1.example.com".parse::<StepId>().is_ok());
        for wrong in ["", "../x", "a/b", "drain w1", "drain.w1;reboot", ".hidden", "-flag", "Drain"]
        {
            assert!(wrong.parse::<StepId>().is_err(), "{wrong}");
        }
    }
}
