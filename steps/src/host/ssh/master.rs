//! Starts the `ssh` process that holds a connection.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use openssh::Session;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::SshSettings;
use super::diagnosis::diagnose;
use crate::host::HostError;

/// How long a login may take, over jump hosts too.
const LOGIN_LIMIT: Duration = Duration::from_secs(60);

/// What holds unless the operator's `--ssh-option` says otherwise: nothing is asked, so that an unknown host key is refused;
/// a connection that is silently cut is noticed in 15 seconds; a master whose kup was killed goes by itself.
const OPTIONS: [&str; 9] = [
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ControlPersist=60",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
];

/// Logs in and returns the session.
pub(super) async fn connect(node: &str, settings: &SshSettings) -> Result<Session, HostError> {
    let folder = socket_folder().map_err(|error| here(node, settings, error))?;
    let log = folder.path().join("log");
    let complaints = File::create(&log).map_err(|error| here(node, settings, error))?;
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the Host port")]
    let mut command = Command::new("ssh");
    command.args(arguments(settings, folder.path()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaints);
    // Ctrl-C ends kup in its own time, and not its connections first.
    command.process_group(0).kill_on_drop(true);
    // It goes into the background, and this process ends, once the login is done.
    let status = match timeout(LOGIN_LIMIT, command.status()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(here(node, settings, error)),
        Err(late) => return Err(unreachable(node, settings, Box::new(late))),
    };
    if status.success() {
        return Ok(Session::new_native_mux(folder));
    }
    let said = std::fs::read(&log).unwrap_or_default();
    Err(diagnose(node, settings, &String::from_utf8_lossy(&said)))
}

/// Makes a folder with a short path: a socket's name has 108 bytes at most, and ssh appends some of its own.
pub(super) fn socket_folder() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("kup-").tempdir_in("/tmp")
}

fn arguments(settings: &SshSettings, folder: &Path) -> Vec<OsString> {
    // `openssh` looks for the socket under this name.
    let mut args: Vec<OsString> = ["-M", "-N", "-f", "-x", "-S"].map(Into::into).to_vec();
    args.push(folder.join("master").into());
    if let Some(config) = &settings.config {
        args.extend(["-F".into(), config.into()]);
    }
    if let Some(user) = &settings.user {
        args.extend(["-l".into(), user.into()]);
    }
    if let Some(port) = settings.port {
        args.extend(["-p".into(), port.to_string().into()]);
    }
    // The first value of an option is the one that counts.
    for option in &settings.options {
        args.extend(["-o".into(), option.into()]);
    }
    if let Some(identity) = &settings.identity {
        args.extend(["-i".into(), identity.into(), "-o".into(), "IdentitiesOnly=yes".into()]);
    }
    for option in OPTIONS {
        args.extend(["-o".into(), option.into()]);
    }
    args.extend(["--".into(), settings.address.clone().into()]);
    args
}

/// Returns the error for something that failed on our own side.
fn here(node: &str, settings: &SshSettings, error: std::io::Error) -> HostError {
    if error.kind() == std::io::ErrorKind::NotFound {
        let what = "the OpenSSH client (`ssh`)".to_owned();
        return HostError::Lacks { node: "this machine".to_owned(), what };
    }
    unreachable(node, settings, Box::new(error))
}

fn unreachable(
    node: &str,
    settings: &SshSettings,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> HostError {
    HostError::Unreachable { node: node.to_owned(), address: settings.address.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_options_come_first_and_the_address_is_no_option() {
        let mut settings = SshSettings::new("-oProxyCommand=reboot");
        settings.options = vec!["BatchMode=no".to_owned()];
        let args = arguments(&settings, Path::new("/tmp/kup-x"));
        let place = |wanted: &str| args.iter().position(|arg| arg == wanted).unwrap();
        assert!(place("BatchMode=no") < place("BatchMode=yes"));
        assert_eq!(args[args.len() - 2..], ["--", "-oProxyCommand=reboot"]);
    }
}
