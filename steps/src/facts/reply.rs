//! `key=value` lines, as the asking scripts print them.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::host::{Host, HostError, Reply};
use crate::script::Script;

/// The lines of one reply.
pub(crate) struct Lines {
    node: String,
    script: &'static str,
    pairs: Vec<(String, String)>,
}

impl Lines {
    /// Asks a node and takes its answer apart. A script that fails is an error here.
    pub(crate) async fn ask(host: &dyn Host, script: &Script) -> Result<Self, HostError> {
        let reply = host.ask(script).await?;
        Self::of(host, script, &reply)
    }

    /// Has a node tidy up and takes its answer apart. A script that fails is an error here.
    pub(crate) async fn tidy(host: &dyn Host, script: &Script) -> Result<Self, HostError> {
        let reply = host.tidy(script).await?;
        Self::of(host, script, &reply)
    }

    fn of(host: &dyn Host, script: &Script, reply: &Reply) -> Result<Self, HostError> {
        let node = host.node().to_owned();
        if reply.status == 0 {
            Self::read(node, script.name, reply)
        } else {
            Err(failed(node, script.name, reply))
        }
    }

    /// Takes the answer of a script that succeeded apart.
    pub(crate) fn read(
        node: String,
        script: &'static str,
        reply: &Reply,
    ) -> Result<Self, HostError> {
        let text = String::from_utf8_lossy(&reply.stdout);
        let mut lines = Self { node, script, pairs: Vec::new() };
        for line in text.lines() {
            let pair = line.split_once('=');
            let (key, value) = pair.ok_or_else(|| lines.wrong(format!("the line `{line}`")))?;
            lines.pairs.push((key.to_owned(), value.trim_end().to_owned()));
        }
        Ok(lines)
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Result<&str, HostError> {
        let pair = self.pairs.iter().find(|(name, _)| name == key);
        let value = pair.map(|(_, value)| value.as_str());
        value.ok_or_else(|| self.wrong(format!("there is no `{key}`")))
    }

    /// Returns all the values of a key.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the rests of the keys that begin with a prefix, and their values.
    pub(crate) fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (String, &str)> {
        self.pairs.iter().filter_map(move |(name, value)| {
            Some((name.strip_prefix(prefix)?.to_owned(), value.as_str()))
        })
    }

    /// Returns a value that may be empty.
    pub(super) fn text(&self, key: &str) -> Result<String, HostError> {
        self.get(key).map(str::to_owned)
    }

    /// Returns a value unless it is empty.
    pub(super) fn option(&self, key: &str) -> Result<Option<String>, HostError> {
        self.get(key).map(not_empty)
    }

    /// Returns the parts between commas.
    pub(super) fn list(&self, key: &str) -> Result<Vec<String>, HostError> {
        let value = self.get(key)?;
        Ok(value.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    /// Returns whether a value is `yes`; it must be that or `no`.
    pub(super) fn yes(&self, key: &str) -> Result<bool, HostError> {
        self.one_of(key, &[("yes", true), ("no", false)])
    }

    /// Returns what a value means; it must be one of these words.
    pub(super) fn one_of<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, HostError> {
        let value = self.get(key)?;
        let found = words.iter().find(|(word, _)| *word == value);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| self.wrong(format!("`{key}={value}`")))
    }

    /// Returns the number in a value.
    pub(crate) fn number<T: FromStr>(&self, value: &str) -> Result<T, HostError> {
        value.parse().map_err(|_| self.wrong(format!("`{value}` is not a number that fits")))
    }

    /// Returns the text that a value holds in base64.
    pub(super) fn decoded(&self, value: &str) -> Result<String, HostError> {
        let bytes =
            BASE64.decode(value).map_err(|_| self.wrong("text that is not base64".into()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn wrong(&self, what: String) -> HostError {
        HostError::Unreadable { node: self.node.clone(), script: self.script, what }
    }
}

/// Returns the text unless it is empty.
pub(crate) fn not_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn failed(node: String, script: &'static str, reply: &Reply) -> HostError {
    let stderr = reply.stderr.trim().to_owned();
    HostError::Script { node, script, status: reply.status, stderr }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Lines, HostError> {
        let reply = Reply { status: 0, stdout: text.into(), stderr: String::new() };
        Lines::read("w1".to_owned(), "facts", &reply)
    }

    #[test]
    fn values_may_hold_anything_but_a_line_break() {
        let lines = lines("a=b=c\nlist=x,y\nempty=\nfree:/x=7\nfree:/y=8\n").unwrap();
        assert_eq!(lines.text("a").unwrap(), "b=c");
        assert_eq!(lines.list("list").unwrap(), ["x", "y"]);
        assert_eq!(lines.option("empty").unwrap(), None);
        assert!(lines.list("empty").unwrap().is_empty());
        let free: Vec<_> = lines.with_prefix("free:").collect();
        assert_eq!(free, [("/x".to_owned(), "7"), ("/y".to_owned(), "8")]);
    }

    #[test]
    fn what_is_missing_or_strange_is_an_error_that_names_it() {
        assert!(lines("no equals sign\n").is_err());
        let lines = lines("a=maybe\n").unwrap();
        for error in [lines.get("b").unwrap_err(), lines.yes("a").unwrap_err()] {
            let told = error.to_string();
            assert!(told.contains("`facts` on w1") && told.contains(['a', 'b']), "{told}");
        }
        assert!(lines.number::<u32>("-1").is_err());
    }
}
