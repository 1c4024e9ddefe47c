//! The programs that survey a node, run here with stand-ins for what they ask: `openssl`, `ctr`, `crictl`, `curl`.
#![allow(clippy::disallowed_methods, reason = "the scripts are run by a real shell")]

use kup_steps::script::{ETCD, SURVEY};

use crate::node_scripts::Node;

/// A certificate here is a line that says until when it holds.
const OPENSSL: &str = "#!/bin/sh\nread -r word end\n[ \"$word\" = until ] || exit 1\nprintf 'notAfter=%s\\n' \"$end\"\n";
const UNTIL: &str = "until Nov 25 10:00:00 2027 GMT\n";
/// Is unready, and answers only who shows the client certificate that the manifest names.
const API_SERVER: &str = "#!/bin/sh\ncase \"$*\" in *'--cert /pki/client.crt --key /pki/client.key'*) ;; *) exit 58 ;; esac\n\
    case \"$*\" in\n*https://10.0.0.1:6443/version) echo '{ \"gitVersion\": \"v1.30.5\" }' ;;\n\
    *'/readyz?verbose') printf '[+]ping ok\\n[-]etcd failed: reason withheld\\nreadyz check failed\\n' ;;\n*) exit 7 ;;\nesac\n";
/// The first of two etcds is away, and this etcd does not know the word `linearizable`.
const ETCD_SERVER: &str = "#!/bin/sh\necho \"$*\" >>\"$LOG\"\ncase \"$*\" in\n*https://10.0.0.1:2379*) echo refused >&2; exit 7 ;;\n\
    *linearizable*) exit 22 ;;\n*/member/list) echo '{\"members\":[]}' ;;\n*/alarm) echo 'no quorum' >&2; exit 28 ;;\n\
    *) echo '{\"version\":\"3.5.24\"}' ;;\nesac\n";

fn manifest(flags: &[&str]) -> String {
    flags.iter().map(|flag| format!("    - --{flag}\n")).collect()
}

fn machine() -> Node {
    let node = Node::new();
    node.install("openssl", OPENSSL);
    node.install("ctr", "#!/bin/sh\nprintf 'registry.k8s.io/pause:3.9\\nsha256:abc\\n'\n");
    let flags = "KUBELET_KUBEADM_ARGS=\"--node-ip=10.0.0.1 --v 2 --fail-swap-on=false\"\n";
    node.write("/var/lib/kubelet/kubeadm-flags.env", flags);
    node.write("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n");
    node.write("/var/lib/kubelet/pki/kubelet-client-current.pem", UNTIL);
    node
}

/// Runs the survey; paths are shown as on the node.
fn survey(node: &Node) -> Vec<String> {
    let (status, text) = node.run(SURVEY.1, &[], "");
    assert_eq!(status, 0, "{text}");
    let here = node.path("").display().to_string();
    text.replace(here.trim_end_matches('/'), "").lines().map(str::to_owned).collect()
}

fn has(lines: &[String], wanted: &[&str]) {
    for line in wanted {
        assert!(lines.iter().any(|it| it == line), "no `{line}` in {lines:#?}");
    }
}

#[test]
fn a_worker_tells_its_flags_images_and_certificates() {
    let lines = survey(&machine());
    has(
        &lines,
        &[
            "flag:/var/lib/kubelet/kubeadm-flags.env=--node-ip=10.0.0.1",
            "flag:/var/lib/kubelet/kubeadm-flags.env=--v=2",
            "flag:/var/lib/kubelet/kubeadm-flags.env=--fail-swap-on=false",
            "kubelet_config=a2luZDogS3ViZWxldENvbmZpZ3VyYXRpb24K",
            "kubelet_process=",
            "images=yes",
            "image=registry.k8s.io/pause:3.9",
            "certificate:/var/lib/kubelet/pki/kubelet-client-current.pem=1827136800",
            "api_server=no",
        ],
    );
    assert!(!lines.iter().any(|line| line.starts_with("image=sha256")), "{lines:#?}");
}

#[test]
fn a_control_plane_is_asked_directly_with_a_certificate_that_its_api_server_accepts() {
    let node = machine();
    node.install("curl", API_SERVER);
    let flags = [
        "advertise-address=10.0.0.1",
        "client-ca-file=/pki/ca.crt",
        "kubelet-client-certificate=/pki/client.crt",
        "kubelet-client-key=/pki/client.key",
        "secure-port=6443",
    ];
    node.write("/etc/kubernetes/manifests/kube-apiserver.yaml", &manifest(&flags));
    node.write("/etc/kubernetes/tmp/kubeadm-backup-manifests-1/etcd.yaml", "");
    node.write("/etc/kubernetes/patches/etcd.yaml", "");
    has(
        &survey(&node),
        &[
            "api_server=yes",
            "api_version=v1.30.5",
            "api_unready=etcd failed: reason withheld",
            "leftover=kubeadm-backup-manifests-1",
            "patch=etcd.yaml",
        ],
    );
    node.install("curl", "#!/bin/sh\necho 'connection refused' >&2\nexit 7\n");
    let away = "api_unready=it does not answer at https://10.0.0.1:6443: connection refused ";
    has(&survey(&node), &["api_version=", away]);
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_told() {
    let node = machine();
    node.write("/etc/kubernetes/pki/apiserver.crt", "torn\n");
    node.write("/etc/kubernetes/pki/ca.crt", UNTIL);
    node.install("ctr", "#!/bin/sh\nexit 1\n");
    node.install("crictl", "#!/bin/sh\nexit 1\n");
    has(
        &survey(&node),
        &[
            "unreadable=the certificate in /etc/kubernetes/pki/apiserver.crt",
            "certificate:/etc/kubernetes/pki/ca.crt=1827136800",
            "images=no",
            "api_server=no",
        ],
    );
}

#[test]
fn the_images_of_another_runtime_are_asked_of_crictl() {
    let node = machine();
    node.write(
        "/var/lib/kubelet/instance-config.yaml",
        "containerRuntimeEndpoint: \"unix:///run/crio.sock\"\n",
    );
    let list = "IMAGE TAG ID SIZE\nquay.io/x 1 ab 3MB\nquay.io/y <none> cd 3MB\n";
    let crictl = format!(
        "#!/bin/sh\ncase \"$*\" in *'--runtime-endpoint unix:///run/crio.sock'*) printf '%s' '{list}' ;; *) exit 1 ;; esac\n"
    );
    node.install("crictl", &crictl);
    let lines = survey(&node);
    has(&lines, &["runtime_endpoint=unix:///run/crio.sock", "images=yes", "image=quay.io/x:1"]);
    assert_eq!(lines.iter().filter(|line| line.starts_with("image=")).count(), 1, "{lines:#?}");
}

#[test]
fn etcd_is_asked_at_the_first_server_that_answers_and_with_the_api_servers_certificate() {
    let node = Node::new();
    assert!(node.run(ETCD.1, &[], "").1.starts_with("unknown=there is no"));
    let flags = [
        "etcd-servers=https://10.0.0.1:2379,https://10.0.0.2:2379",
        "etcd-cafile=/pki/ca.crt",
        "etcd-certfile=/pki/client.crt",
        "etcd-keyfile=/pki/client.key",
    ];
    node.write("/etc/kubernetes/manifests/kube-apiserver.yaml", &manifest(&flags));
    node.install("curl", ETCD_SERVER);
    let (status, told) = node.run(ETCD.1, &[], "");
    let members = "kind=external\nmembers=eyJtZW1iZXJzIjpbXX0K\nno_alarms=no quorum \n";
    assert_eq!((status, told.as_str()), (0, members));
    let asked = "--cacert /pki/ca.crt --cert /pki/client.crt --key /pki/client.key --data {} -- https://10.0.0.2:2379/v3/cluster/member/list";
    let log = node.read("/log");
    assert!(log.lines().any(|line| line.ends_with(asked)), "{log}");

    node.write(
        "/etc/kubernetes/manifests/etcd.yaml",
        &manifest(&["quota-backend-bytes=8589934592"]),
    );
    let ends = ["https://10.0.0.1:2379", "https://10.0.0.2:2379"];
    let (status, told) = node.run(ETCD.1, &ends, "");
    let lines: Vec<&str> = told.lines().collect();
    let wanted = [
        "quota=8589934592",
        "silent:https://10.0.0.1:2379=refused ",
        "status:https://10.0.0.2:2379=eyJ2ZXJzaW9uIjoiMy41LjI0In0K",
    ];
    assert_eq!((status, lines.as_slice()), (0, wanted.as_slice()));
    assert!(node.run(ETCD.1, &[], "").1.starts_with("kind=stacked"));
}
