//! What kup and a node say to each other about attempts: the scripts of [`super::Host`]'s own, and what their answers mean. Pure.

use kup_core::activity::AttemptName;

use super::{AttemptStatus, HostError, Order, Owner, Reply};

/// A script of the protocol: its name and its text.
pub(super) type Named = (&'static str, &'static str);

pub(super) const PROBE: Named = ("probe", include_str!("../node/probe.sh"));
pub(super) const CLAIM: Named = ("claim", include_str!("../node/claim.sh"));
pub(super) const RELEASE: Named = ("release", include_str!("../node/release.sh"));
pub(super) const KEEP: Named = ("keep", include_str!("../node/keep.sh"));
pub(super) const START: Named = ("start", include_str!("../node/start.sh"));
pub(super) const STATUS: Named = ("status", include_str!("../node/status.sh"));
pub(super) const OUTPUT: Named = ("output", include_str!("../node/output.sh"));

/// Runs inside the attempt's unit, around the script.
const ATTEMPT: &str = include_str!("../node/attempt.sh");

/// The status of `claim` when the node belongs to another.
pub(super) const OWNED: i32 = 67;

/// How a script becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// We are root.
    Root,
    /// Through `sudo -n`.
    Sudo,
}

/// Returns how to become root, from what `probe` has printed.
pub(super) fn rights(node: &str, address: &str, reply: &Reply) -> Result<Rights, HostError> {
    let text = String::from_utf8_lossy(&reply.stdout);
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    let (Some(uid), Some(missing), 0) = (value("uid"), value("missing"), reply.status) else {
        return Err(failed(node, PROBE, reply));
    };
    if uid != "0" && value("sudo").as_deref() != Some("yes") {
        return Err(no_root(node, address, &value("sudo_says").unwrap_or_default()));
    }
    if value("systemd").as_deref() != Some("yes") {
        let what = "systemd as its first process; kup runs every change as a systemd unit";
        return Err(HostError::Lacks { node: node.to_owned(), what: what.to_owned() });
    }
    if !missing.is_empty() {
        return Err(HostError::Lacks { node: node.to_owned(), what: missing });
    }
    Ok(if uid == "0" { Rights::Root } else { Rights::Sudo })
}

fn no_root(node: &str, address: &str, says: &str) -> HostError {
    HostError::Denied {
        node: node.to_owned(),
        address: address.to_owned(),
        why: format!("the user is not root, and `sudo -n` does not help: {says}"),
        remedy: "connect as root, or let this user run sudo without a password (NOPASSWD: ALL)"
            .to_owned(),
    }
}

/// Returns the program and the arguments that run a text with arguments as root.
pub(super) fn command<'a>(rights: Rights, text: &'a str, args: &'a [String]) -> Vec<&'a str> {
    let shell: &[&str] = match rights {
        Rights::Root => &["sh", "-c"],
        Rights::Sudo => &["sudo", "-n", "--", "sh", "-c"],
    };
    let args = args.iter().map(String::as_str);
    shell.iter().copied().chain([text, "kup"]).chain(args).collect()
}

/// Returns the arguments of `claim`; `over` is a run that need not be respected.
pub(super) fn claim_args(owner: &Owner, over: &str) -> Vec<String> {
    let Owner { cluster, run, epoch, operator } = owner;
    vec![cluster.clone(), run.to_string(), epoch.to_string(), operator.clone(), over.to_owned()]
}

/// Returns the run in an owner's record.
pub(crate) fn run_of(record: &str) -> Option<&str> {
    record.split(' ').find_map(|field| field.strip_prefix("run="))
}

/// Returns the arguments that name an attempt.
pub(super) fn name_args(name: &AttemptName) -> Vec<String> {
    vec![name.run.to_string(), name.step.to_string(), name.attempt.to_string()]
}

/// Returns the arguments of `start`.
pub(super) fn start_args(order: &Order) -> Vec<String> {
    let Order { name, epoch, intent, script } = order;
    let own = [epoch.to_string(), intent.to_string(), script.name.to_owned()];
    let texts = [ATTEMPT.to_owned(), script.text.to_owned()];
    let args = script.args.iter().cloned();
    name_args(name).into_iter().chain(own).chain(texts).chain(args).collect()
}

/// Returns what a reply of `status` means.
pub(super) fn attempt_status(node: &str, reply: &Reply) -> Result<AttemptStatus, HostError> {
    let text = line(reply);
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let rest = rest.to_owned();
    match word {
        "not-started" => Ok(AttemptStatus::NotStarted),
        "running" => Ok(AttemptStatus::Running { last_line: rest }),
        "refused" => Ok(AttemptStatus::Refused { owner: rest }),
        "lost" => Ok(AttemptStatus::Lost { what: rest }),
        "ended" => match rest.parse() {
            Ok(status) => Ok(AttemptStatus::Ended { status }),
            Err(_) => {
                let what = "it began, and its exit record cannot be read".to_owned();
                Ok(AttemptStatus::Lost { what })
            }
        },
        other => Err(HostError::Unreadable {
            node: node.to_owned(),
            script: STATUS.0,
            what: format!("`{other}`"),
        }),
    }
}

/// Returns the first line of a reply.
pub(super) fn line(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.stdout);
    text.lines().next().unwrap_or_default().trim_end().to_owned()
}

/// Returns the error for a script of the protocol that failed.
pub(super) fn failed(node: &str, script: Named, reply: &Reply) -> HostError {
    HostError::Script {
        node: node.to_owned(),
        script: script.0,
        status: reply.status,
        stderr: reply.stderr.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script;

    fn reply(status: i32, stdout: &str) -> Reply {
        Reply { status, stdout: stdout.as_bytes().to_vec(), stderr: String::new() }
    }

    #[test]
    fn a_user_without_sudo_is_told_what_to_do() {
        let says =
            "uid=1000\nsudo=no\nsudo_says=sudo: a password is required\nsystemd=yes\nmissing=\n";
        let error = rights("w1", "10.0.0.1", &reply(0, says)).unwrap_err();
        assert!(matches!(&error, HostError::Denied { why, .. } if why.contains("password")));
    }

    #[test]
    fn a_node_without_systemd_or_programs_lacks_them() {
        for says in [
            "uid=0\nsudo=yes\nsystemd=no\nmissing=\n",
            "uid=0\nsudo=yes\nsystemd=yes\nmissing=flock\n",
        ] {
            let error = rights("w1", "10.0.0.1", &reply(0, says)).unwrap_err();
            assert!(matches!(error, HostError::Lacks { .. }), "{says}");
        }
    }

    #[test]
    fn a_status_line_is_one_of_five() {
        let check = |line: &str| attempt_status("w1", &reply(0, line)).unwrap();
        assert_eq!(check("not-started\n"), AttemptStatus::NotStarted);
        assert_eq!(check("ended 3\n"), AttemptStatus::Ended { status: 3 });
        assert_eq!(check("running \n"), AttemptStatus::Running { last_line: String::new() });
        assert_eq!(check("running a b\n"), AttemptStatus::Running { last_line: "a b".to_owned() });
        assert!(matches!(check("ended \n"), AttemptStatus::Lost { .. }));
        assert!(attempt_status("w1", &reply(0, "bash: not found")).is_err());
    }

    #[test]
    fn the_run_is_read_from_an_owners_record() {
        let record = "cluster=a run=20261123-aaaaaaa epoch=2 operator=run=x@y";
        assert_eq!(run_of(record), Some("20261123-aaaaaaa"));
        assert_eq!(run_of("garbage"), None);
    }

    #[test]
    fn scripts_that_share_a_text_share_it_word_for_word() {
        let pairs = include_str!("../node/kubeadm/pairs.sh");
        let back = include_str!("../node/kubeadm/putting-back.sh");
        for (name, text) in [script::KUBEADM_APPLY, script::KUBEADM_NODE, script::KUBEADM_PHASE] {
            assert!(text.contains(pairs) && text.contains(back), "{name}");
        }
        assert!(script::CONTROL_PLANE.1.contains(pairs));
        assert!(script::PUT_BACK.1.contains(back));
    }
}
