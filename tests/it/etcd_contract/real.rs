//! A real etcd on this machine, reached as on a control plane: through the program that prints its access.
#![allow(clippy::disallowed_methods, reason = "a real etcd is started by whoever has one")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::AttemptName;
use kup_core::id::RunId;
use kup_steps::etcd::grpc::ThroughHosts;
use kup_steps::etcd::{Etcd, EtcdError};
use kup_steps::host::{
    Address, AttemptStatus, Host, HostError, KeptFiles, Order, Owner, Reply, Stream,
};
use kup_steps::script::Script;
use tokio::net::TcpStream;

use crate::node_scripts::Node;

/// A control plane of folders, which reaches what this machine reaches.
struct Desk(Node);

#[async_trait]
impl Host for Desk {
    fn node(&self) -> &str {
        "desk"
    }

    async fn ask(&self, script: &Script) -> Result<Reply, HostError> {
        let args: Vec<&str> = script.args.iter().map(String::as_str).collect();
        let (status, printed) = self.0.run(script.text, &args, "");
        Ok(Reply { status, stdout: printed.into_bytes(), stderr: String::new() })
    }

    async fn claim(
        &self,
        _: &Owner,
        _: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<(), HostError> {
        Ok(())
    }

    async fn release(&self, _: &Owner) -> Result<(), HostError> {
        Ok(())
    }

    async fn keep(&self, _: &RunId, _: &str, _: &[u8]) -> Result<String, HostError> {
        panic!("nothing is kept here")
    }

    async fn keep_files(&self, _: &RunId, _: &str, _: &[String]) -> Result<KeptFiles, HostError> {
        panic!("nothing is kept here")
    }

    async fn tidy(&self, _: &Script) -> Result<Reply, HostError> {
        panic!("nothing is tidied here")
    }

    async fn start(&self, _: &Order) -> Result<(), HostError> {
        panic!("nothing is started here")
    }

    async fn status(&self, _: &AttemptName) -> Result<AttemptStatus, HostError> {
        panic!("nothing was started here")
    }

    async fn output(&self, _: &AttemptName) -> Result<Vec<u8>, HostError> {
        panic!("nothing was started here")
    }

    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError> {
        match TcpStream::connect((address.host.as_str(), address.port)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(HostError::Unreachable {
                node: "desk".to_owned(),
                address: address.to_string(),
                source: Box::new(error),
            }),
        }
    }
}

/// Members that end with the test.
struct Members(Vec<Child>);

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.0 {
            member.kill().ok();
            member.wait().ok();
        }
    }
}

const CERTIFICATES: &str = r#"set -e; cd "$1"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=etcd-ca 2>/dev/null
for name in server client; do
    openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >$name.ext
    openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt -days 2 -extfile $name.ext 2>/dev/null
done"#;

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).env("ETCDCTL_API", "3").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &said
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts three members and returns their client ports.
fn start(etcd: &str, room: &Path) -> (Members, Vec<u16>) {
    let ports: Vec<(u16, u16)> = (0..3).map(|_| (free_port(), free_port())).collect();
    let peers = ports.iter().zip(1..);
    let peers: Vec<String> =
        peers.map(|((_, peer), n)| format!("m{n}=http://127.0.0.1:{peer}")).collect();
    let file = |name: &str| room.join(name).display().to_string();
    let mut members = Members(Vec::new());
    for ((client, peer), n) in ports.iter().zip(1..) {
        let (client, peer) =
            (format!("https://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new(etcd);
        command.args(["--name", &format!("m{n}"), "--data-dir", &file(&format!("data{n}"))]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &peers.join(","), "--client-cert-auth"]);
        command.args(["--trusted-ca-file", &file("ca.crt"), "--cert-file", &file("server.crt")]);
        command.args(["--key-file", &file("server.key")]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        members.0.push(command.spawn().unwrap());
    }
    (members, ports.into_iter().map(|(client, _)| client).collect())
}

fn desk(room: &Path, ports: &[u16], client: &str) -> Desk {
    let node = Node::new();
    let servers: Vec<String> =
        ports.iter().map(|port| format!("https://127.0.0.1:{port}")).collect();
    let file = |name: &str| room.join(name).display().to_string();
    let manifest = format!(
        "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --etcd-servers={}\n    \
         - --etcd-cafile={}\n    - --etcd-certfile={}\n    - --etcd-keyfile={}\n",
        servers.join(","),
        file("ca.crt"),
        file(&format!("{client}.crt")),
        file(&format!("{client}.key")),
    );
    node.write("/etc/kubernetes/manifests/kube-apiserver.yaml", &manifest);
    Desk(node)
}

/// Writes some thousand keys, so that the snapshot comes in pieces.
fn fill(etcdctl: &str, room: &Path, port: u16) {
    let endpoint = format!("--endpoints=https://127.0.0.1:{port}");
    let file = |name: &str, to: &str| format!("--{name}={}", room.join(to).display());
    let access =
        [endpoint, file("cacert", "ca.crt"), file("cert", "client.crt"), file("key", "client.key")];
    let access: Vec<&str> = access.iter().map(String::as_str).collect();
    for _ in 0..100 {
        let healthy = Command::new(etcdctl)
            .args(&access)
            .args(["endpoint", "health"])
            .env("ETCDCTL_API", "3")
            .output();
        if healthy.unwrap().status.success() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let value = "x".repeat(50_000);
    for n in 0..20 {
        run(etcdctl, &[access.as_slice(), &["put", &format!("key{n}"), &value]].concat());
    }
}

#[tokio::test]
async fn a_real_etcd_keeps_the_contract() {
    let Ok(etcd) = std::env::var("KUP_TEST_ETCD") else { return };
    let etcdctl = PathBuf::from(&etcd).with_file_name("etcdctl").display().to_string();
    let room = tempfile::tempdir().unwrap();
    run("sh", &["-c", CERTIFICATES, "sh", &room.path().display().to_string()]);
    let (members, ports) = start(&etcd, room.path());
    fill(&etcdctl, room.path(), ports[0]);
    let desk = desk(room.path(), &ports, "client");
    let bytes = super::check(&ThroughHosts, &desk, 3).await;
    assert!(bytes.len() > 1_000_000, "{} bytes", bytes.len());
    let snapshot = room.path().join("snapshot.db");
    std::fs::write(&snapshot, &bytes).unwrap();
    let told =
        run(&etcdctl, &["snapshot", "status", &snapshot.display().to_string(), "-w", "json"]);
    assert!(told.contains("\"totalKey\":"), "{told}");
    // A key that is none of this etcd's opens nothing.
    let other = tempfile::tempdir().unwrap();
    run("sh", &["-c", CERTIFICATES, "sh", &other.path().display().to_string()]);
    for name in ["crt", "key"] {
        std::fs::copy(
            other.path().join(format!("client.{name}")),
            room.path().join(format!("other.{name}")),
        )
        .unwrap();
    }
    let stranger = self::desk(room.path(), &ports, "other");
    let api = ThroughHosts.reach(&stranger).await.unwrap();
    let refused = api.status(&api.endpoints()[0].clone()).await;
    assert!(matches!(refused, Err(EtcdError::Silent { .. })), "{refused:?}");
    drop(members);
}

/// `KUP_TEST_SSH_ETCD=3`, beside `KUP_TEST_SSH` that names a control plane: etcd of a real cluster of three members.
#[tokio::test]
async fn a_real_etcd_behind_ssh_keeps_the_contract() {
    let Ok(n_members) = std::env::var("KUP_TEST_SSH_ETCD") else { return };
    let host = crate::host_contract::real::over_ssh().unwrap();
    super::check(&ThroughHosts, &host, n_members.parse().unwrap()).await;
}
