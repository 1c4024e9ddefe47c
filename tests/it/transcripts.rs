//! The simulated kubeadm says what kubeadm 1.36 says, phase by phase, and kup's parsers read what kubeadm 1.36 wrote. `fixtures/kubeadm-1.36` is what a
//! real upgrade from 1.35.6 to 1.36.2 printed.

use kup_steps::activity::upgrade_plan;
use kup_steps::script;

use crate::sim_rig::Rig;

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../fixtures/kubeadm-1.36/", $name, ".txt"))
    };
}

/// What a recording and a simulation are compared by: kubeadm's lines without times, random numbers, and what its system check found on that machine.
fn skeleton(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| !line.starts_with("[upgrade"));
    let lines = lines.filter(|line| !line.starts_with("exit status: ") && !is_of_the_machine(line));
    lines.map(masked).collect()
}

fn is_of_the_machine(line: &str) -> bool {
    let is_log = line.starts_with('W')
        && line.as_bytes().get(1..5).is_some_and(|it| it.iter().all(u8::is_ascii_digit));
    let checks = [
        "KERNEL_",
        "CONFIG_",
        "OS: ",
        "CGROUPS_",
        "[preflight] The system verification failed",
        "\t[WARNING SystemVerification]",
    ];
    is_log || checks.iter().any(|check| line.starts_with(check))
}

/// Times and random numbers stand in the names of kubeadm's folders only.
fn masked(line: &str) -> String {
    let Some((before, after)) = line.split_once("/etc/kubernetes/tmp/") else {
        return line.to_owned();
    };
    let after: String = after.chars().filter(|it| !it.is_ascii_digit() && *it != '-').collect();
    format!("{before}/etc/kubernetes/tmp/{after}")
}

const FOR_ALL: &str = "--ignore-preflight-errors=SystemVerification";

/// Calls kubeadm on a node as kup's script does, and compares its words with the recording.
async fn says(rig: &Rig, (node, care): (&str, &str), call: &str, recording: &str) {
    let mut args = vec!["-", care, ""];
    args.extend(call.split(' '));
    let (status, output) = rig.run(node, script::KUBEADM_PHASE, &args).await;
    assert_eq!(status, 0, "{call}: {output}");
    let recorded = skeleton(recording);
    assert!(!recorded.is_empty(), "{call}: nothing was recorded");
    assert_eq!(skeleton(&output), recorded, "{call}");
    rig.settle();
}

#[tokio::test]
async fn the_simulated_kubeadm_says_what_kubeadm_says_phase_by_phase() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    for node in ["cp1", "w1"] {
        rig.kubeadm_package(node, "v1.36", "1.36.2-1.1").await;
    }
    let first = ("cp1", "control-plane");
    let preflight = format!("upgrade apply phase preflight v1.36.2 -y {FOR_ALL}");
    says(&rig, first, &preflight, recorded!("20-phase-preflight")).await;
    let control_plane = "upgrade apply phase control-plane v1.36.2 --etcd-upgrade=false";
    says(&rig, first, control_plane, recorded!("21-phase-control-plane")).await;
    // That machine had the newer etcd before.
    let etcd = ["-", "etcd", "", "upgrade", "apply", "phase", "control-plane", "v1.36.2"];
    rig.must("cp1", script::KUBEADM_PHASE, &etcd).await;
    rig.settle();
    let phase = |words: &str| format!("upgrade apply phase {words} v1.36.2");
    for (words, recording) in [
        ("upload-config all", recorded!("22-phase-upload-config")),
        ("kubelet-config", recorded!("23-phase-kubelet-config")),
        ("bootstrap-token", recorded!("24-phase-bootstrap-token")),
        ("addon all", recorded!("25-phase-addon")),
        ("post-upgrade", recorded!("26-phase-post-upgrade")),
    ] {
        says(&rig, first, &phase(words), recording).await;
    }
    let again = format!("upgrade apply v1.36.2 -y {FOR_ALL}");
    says(&rig, first, &again, recorded!("27-apply-again")).await;
    let worker = format!("upgrade node {FOR_ALL}");
    says(&rig, ("w1", "worker"), &worker, recorded!("32-worker")).await;
}

#[tokio::test]
async fn the_simulated_kubeadm_refuses_what_kubeadm_refuses() {
    let rig = Rig::new("sim:2x0@v1.35.6").await;
    rig.kubeadm_package("cp1", "v1.36", "1.36.2-1.1").await;
    for (call, why) in [
        ("upgrade apply phase kubeconfig v1.36.2", "unknown command"),
        (
            "upgrade apply phase kubelet-config v1.36.2 --etcd-upgrade=false",
            "unknown flag: --etcd-upgrade",
        ),
        ("upgrade node phase upload-config all", "unknown command"),
        ("upgrade apply phase preflight v1.36.2", "didn't answer"),
        ("upgrade apply phase preflight v1.37.0 -y --force", "too high"),
        ("upgrade apply phase preflight v1.36.9 -y", "higher than the kubeadm version"),
        ("upgrade apply phase preflight v1.35.9 -y", "can only be used to upgrade to"),
        ("upgrade apply phase preflight v1.33.1 -y --force", "too low"),
    ] {
        let args: Vec<&str> = ["-", "worker", ""].into_iter().chain(call.split(' ')).collect();
        let (status, output) = rig.run("cp1", script::KUBEADM_PHASE, &args).await;
        assert_eq!(status, 1, "{call}: {output}");
        assert!(output.contains(why), "{call}: {output}");
    }
    let file = "apply:\n  etcdUpgrade: false\n";
    let words = "upgrade apply phase control-plane v1.36.2 --etcd-upgrade=false";
    let args: Vec<&str> = ["-", "worker", file].into_iter().chain(words.split(' ')).collect();
    let (status, output) = rig.run("cp1", script::KUBEADM_PHASE, &args).await;
    assert!(status == 1 && output.contains("can not mix '--config'"), "{output}");
    let addons = ["-", "worker", "", "upgrade", "apply", "phase", "addon", "all", "v1.36.2"];
    let (status, output) = rig.run("cp1", script::KUBEADM_PHASE, &addons).await;
    assert_eq!(status, 0);
    assert!(output.contains("have not been upgraded"), "{output}");
}

#[tokio::test]
async fn an_etcd_that_kubeadm_config_names_is_taken_and_never_an_older_one() {
    let rig = Rig::new("sim:1x0@v1.33.3").await;
    let etcd = || rig.value("cp1", script::CONTROL_PLANE, "image:etcd");
    let call = ["-", "etcd", "", "upgrade", "apply", "phase", "control-plane", "v1.33.3"];
    for (tag, wanted) in [("3.5.26-0", "3.5.26-0"), ("3.5.9-0", "3.5.26-0")] {
        let map = rig.cluster().config_map("kubeadm-config").await.unwrap().unwrap();
        let text = &map.data["ClusterConfiguration"];
        let plain: String =
            text.split_inclusive('\n').filter(|line| !line.contains("imageTag")).collect();
        let named = plain.replace("  local:\n", &format!("  local:\n    imageTag: {tag}\n"));
        let data = [("ClusterConfiguration".to_owned(), named)].into();
        rig.cluster().put_config_map("kubeadm-config", &data, None).await.unwrap();
        rig.must("cp1", script::KUBEADM_PHASE, &call).await;
        rig.settle();
        assert_eq!(etcd().await, format!("registry.k8s.io/etcd:{wanted}"));
    }
}

#[test]
fn kups_parser_reads_what_kubeadm_plans() {
    let (table, json) = (recorded!("13-upgrade-plan"), recorded!("14-upgrade-plan-json"));
    for text in [table, json] {
        let read = upgrade_plan::read(text);
        assert_eq!(read.manual, Vec::<String>::new());
        let row = |name: &str| {
            let row = read.components.iter().find(|it| it.name == name && it.node != "w1").unwrap();
            (row.node.as_str(), row.current.as_str(), row.target.as_str())
        };
        assert_eq!(row("kube-apiserver"), ("cp1", "v1.35.6", "v1.36.2"));
        assert_eq!(row("kube-proxy"), ("", "1.35.6", "v1.36.2"));
        assert_eq!(row("CoreDNS"), ("", "v1.14.2", "v1.14.2"));
        assert_eq!(row("etcd"), ("cp1", "3.6.8-0", "3.6.8-0"));
        assert_eq!(read.components.iter().filter(|it| it.name == "kubelet").count(), 2);
    }
    let wanting = table.replace("v1beta1             no", "v1beta1             yes");
    assert_eq!(upgrade_plan::read(&wanting).manual, ["kubelet.config.k8s.io"]);
    let wanting =
        json.replacen("\"manualUpgradeRequired\": false", "\"manualUpgradeRequired\": true", 1);
    assert_eq!(upgrade_plan::read(&wanting).manual, ["kubeproxy.config.k8s.io"]);
    assert_eq!(
        upgrade_plan::read("").components,
        [],
        "nothing is printed where nothing is available"
    );
}
