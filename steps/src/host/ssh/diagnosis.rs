//! Reads what `ssh` complains of, and says what to do about it. Pure.

use super::SshSettings;
use crate::host::HostError;

/// What a complaint is about: a part of it, what that means, and what to type.
struct Sign {
    said: &'static str,
    why: &'static str,
    remedy: fn(&SshSettings) -> String,
}

/// The first that fits counts.
const SIGNS: [Sign; 8] = [
    Sign {
        said: "REMOTE HOST IDENTIFICATION HAS CHANGED",
        why: "its host key is not the one that is known",
        remedy: replace_key,
    },
    Sign {
        said: "Host key verification failed",
        why: "its host key is not known",
        remedy: learn_key,
    },
    Sign { said: "host key is known for", why: "its host key is not known", remedy: learn_key },
    Sign { said: "Permission denied (", why: "none of our keys was accepted", remedy: try_login },
    Sign {
        said: "Too many authentication failures",
        why: "too many keys were offered",
        remedy: try_login,
    },
    Sign { said: "Bad owner or permissions", why: "ssh refuses a file", remedy: try_login },
    Sign {
        said: "Bad configuration option",
        why: "ssh does not know an option",
        remedy: try_login,
    },
    Sign { said: "command-line: line 0", why: "ssh does not take an option", remedy: try_login },
];

/// Returns the error for a login that failed with these complaints.
pub(super) fn diagnose(node: &str, settings: &SshSettings, said: &str) -> HostError {
    let (node, address) = (node.to_owned(), settings.address.clone());
    let Some(sign) = SIGNS.iter().find(|sign| said.contains(sign.said)) else {
        let words = if said.trim().is_empty() { "ssh ended without a word" } else { said.trim() };
        return HostError::Unreachable { node, address, source: last_lines(words).into() };
    };
    let why = format!("{} ({})", sign.why, line_with(said, sign.said));
    HostError::Denied { node, address, why, remedy: (sign.remedy)(settings) }
}

fn learn_key(settings: &SshSettings) -> String {
    format!("connect once by hand and compare the fingerprint: {}", by_hand(settings))
}

fn replace_key(settings: &SshSettings) -> String {
    let name = match settings.port {
        Some(port) if port != 22 => format!("'[{}]:{port}'", settings.address),
        Some(_) | None => settings.address.clone(),
    };
    format!("find out why; if the machine was reinstalled: ssh-keygen -R {name}")
}

fn try_login(settings: &SshSettings) -> String {
    format!("make this work: {}", by_hand(settings))
}

/// Returns the command that connects in the same way.
fn by_hand(settings: &SshSettings) -> String {
    let mut words = vec!["ssh".to_owned()];
    if let Some(config) = &settings.config {
        words.push(format!("-F {}", config.display()));
    }
    if let Some(user) = &settings.user {
        words.push(format!("-l {user}"));
    }
    if let Some(port) = settings.port {
        words.push(format!("-p {port}"));
    }
    if let Some(identity) = &settings.identity {
        words.push(format!("-i {} -o IdentitiesOnly=yes", identity.display()));
    }
    words.extend(settings.options.iter().map(|option| format!("-o '{option}'")));
    words.push(settings.address.clone());
    words.push("true".to_owned());
    words.join(" ")
}

fn line_with<'a>(said: &'a str, part: &'a str) -> &'a str {
    said.lines().find(|line| line.contains(part)).unwrap_or(part).trim().trim_matches(['@', ' '])
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.len().saturating_sub(3);
    lines.get(first..).unwrap_or_default().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, expected: &str) {
        let mut settings = SshSettings::new("10.0.0.1");
        settings.user = Some("ops".to_owned());
        let error = diagnose("w1", &settings, said);
        let told = if let HostError::Denied { why, remedy, .. } = &error {
            format!("{why}: {remedy}")
        } else {
            format!("unreachable: {}", std::error::Error::source(&error).unwrap())
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn complaints_become_advice() {
        check(
            "ssh: connect to host 10.0.0.1 port 22: Connection refused\r\n",
            "unreachable: ssh: connect to host 10.0.0.1 port 22: Connection refused",
        );
        check(
            "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\r\nHost key verification failed.\r\n",
            "its host key is not known (Host key verification failed.): connect once by hand and compare the fingerprint: ssh -l ops 10.0.0.1 true",
        );
        check(
            "@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@\r\nHost key verification failed.\r\n",
            "its host key is not the one that is known (WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!): find out why; if the machine was reinstalled: ssh-keygen -R 10.0.0.1",
        );
        check(
            "ops@10.0.0.1: Permission denied (publickey).\r\n",
            "none of our keys was accepted (ops@10.0.0.1: Permission denied (publickey).): make this work: ssh -l ops 10.0.0.1 true",
        );
        check("", "unreachable: ssh ended without a word");
    }
}
