//! The scripts that change nothing, on a simulated machine: the same formats as the heads of the programs in `node/` promise.

use kup_core::clock::Timestamp;

use super::agenda::sha256;
use super::api::{Api, COMPONENTS};
use super::files;
use super::machine::{
    KUBELET_CONFIG, MANIFESTS, Machine, OwnerRecord, PACKAGES, REPOSITORY_FILE, UnitState,
    manifest_path,
};
use super::told::{Lines, yes_no};
use super::{
    difference, etcd, machine_survey, policy, prefetch, release, restore, tidy, told, troubles,
};
use crate::host::Reply;
use crate::script::{self, Script};
use crate::version::{Version, tag_of};

/// Room on every simulated disk.
const FREE_KIB: u64 = 20 << 20;

/// Answers a script that asks; `None` where there is no such script.
pub(super) fn answer(
    machine: &Machine,
    api: &Api,
    now: Timestamp,
    script: &Script,
) -> Option<Reply> {
    let name = script.name;
    let text = if name == script::SURVEY.0 {
        told::survey(&machine_survey::of(machine, now))
    } else if name == script::ETCD.0 {
        etcd::told(&troubles::etcd(api), &script.args)
    } else if name == script::ETCD_CLIENT.0 {
        etcd::client(machine)
    } else if name == script::FACTS.0 {
        facts(machine, now)
    } else if name == script::PACKAGES.0 {
        packages(machine)
    } else if name == script::OFFERS.0 {
        offers(&script.args)
    } else if name == script::PREFETCHED.0 {
        prefetch::prefetched(machine, &script.args)
    } else if name == script::CONTROL_PLANE.0 {
        control_plane(machine)
    } else if name == script::RESTORE_STATE.0 {
        restore::state(machine, &script.args)
    } else if name == script::KUBELET.0 {
        kubelet(machine)
    } else if name == script::KUBEADM_TMP.0 {
        tidy::kubeadm_tmp(machine, now)
    } else if name == script::UPGRADE_PLAN.0 {
        return Some(upgrade_plan(machine, api, &script.args));
    } else if name == script::DIFF.0 {
        return Some(difference::answer(machine, api, &script.args));
    } else if name == script::READ_FILES.0 {
        return Some(read_files(machine, &script.args));
    } else {
        return None;
    };
    Some(said(troubles::said(api, (&machine.name, now), script, text)))
}

/// Returns the answer of a script that succeeded.
pub(super) fn said(text: String) -> Reply {
    Reply { status: 0, stdout: text.into_bytes(), stderr: String::new() }
}

/// Returns the answer of a script that failed.
pub(super) fn failed(status: i32, why: String) -> Reply {
    Reply { status, stdout: Vec::new(), stderr: why }
}

fn facts(machine: &Machine, now: Timestamp) -> String {
    let mut lines = Lines::default();
    lines.add("hostname", &machine.name);
    lines.add("machine_id", &machine.machine_id);
    lines.add("boot_id", &machine.boot_id);
    let fingerprint = sha256(&format!("host key {}", machine.machine_id));
    lines.add("host_key", format!("SHA256:{}", fingerprint.get(..43).unwrap_or_default()));
    lines.add("uid", 0);
    lines.add("systemd", "running");
    lines.add("package_manager", "apt");
    let admin = machine.files.contains_key("/etc/kubernetes/admin.conf");
    lines.add("admin_conf", yes_no(admin));
    lines.add("manifests", manifests(machine).join(","));
    for path in [
        "/etc/kubernetes",
        "/var/lib/kubelet",
        "/var/lib/kup",
        "/var/lib/etcd",
        "/usr/bin",
        "/var/cache/apt",
    ] {
        lines.add(&format!("free_kib:{path}"), FREE_KIB);
    }
    let has_etcd = machine.files.contains_key("/etc/kubernetes/pki/etcd/server.crt");
    lines.add("etcd_kib", if has_etcd { 20_480 } else { 0 });
    lines.add("owner", machine.owner.as_ref().map(OwnerRecord::line).unwrap_or_default());
    lines.add("other_upgrade", "");
    lines.add("now", now.to_utc().timestamp());
    lines.0
}

/// Returns the names in the folder of manifests that do not begin with a dot, sorted.
fn manifests(machine: &Machine) -> Vec<&str> {
    let prefix = format!("{MANIFESTS}/");
    let names = machine.files.keys().filter_map(|path| path.strip_prefix(&prefix));
    names.filter(|name| !name.starts_with('.')).collect()
}

fn packages(machine: &Machine) -> String {
    let mut lines = Lines::default();
    let mut audit = String::new();
    for name in PACKAGES {
        let package = machine.packages.get(name);
        let version = package.map(|package| package.version.as_str());
        lines.add(&format!("version:{name}"), version.unwrap_or_default());
        let broken = package.is_some_and(|package| !package.configured);
        lines.add(&format!("state:{name}"), if broken { "broken" } else { "ok" });
        lines.add(&format!("hold:{name}"), yes_no(package.is_some_and(|package| package.held)));
        if broken && audit.is_empty() {
            audit = "The following packages have been unpacked but not yet configured.".to_owned();
        }
    }
    lines.add("audit", audit);
    if let Some(text) = machine.text(REPOSITORY_FILE) {
        lines.add("repository", REPOSITORY_FILE);
        let minor = release::minor_in(text).unwrap_or_default();
        lines.add(&format!("minor:{REPOSITORY_FILE}"), minor);
    }
    lines.0
}

fn offers(minors: &[String]) -> String {
    let mut lines = Lines::default();
    for minor in minors {
        if !release::has_repository(minor) {
            lines.add(&format!("unreadable:{minor}"), "404 Not Found");
            continue;
        }
        for name in PACKAGES {
            lines.add(&format!("offer:{minor}:{name}"), release::offered(minor).join(","));
        }
    }
    lines.add("repository", REPOSITORY_FILE);
    lines.0
}

fn control_plane(machine: &Machine) -> String {
    let mut lines = Lines::default();
    for component in COMPONENTS {
        let text = machine.text(&manifest_path(component));
        lines.add(&format!("manifest:{component}"), text.map(sha256).unwrap_or_default());
        let image = text.and_then(release::image_in);
        lines.add(&format!("image:{component}"), image.unwrap_or_default());
    }
    let known = |name: &&str| COMPONENTS.iter().any(|it| **name == format!("{it}.yaml"));
    let stray: Vec<&str> = manifests(machine).into_iter().filter(|name| !known(name)).collect();
    lines.add("stray", stray.join(","));
    for (name, matches) in pairs(machine) {
        lines.add(&format!("pair:{name}"), if matches { "ok" } else { "mismatch" });
    }
    let scripts = [script::KUBEADM_APPLY.0, script::KUBEADM_NODE.0, script::KUBEADM_PHASE.0];
    let kubeadm = machine.is_running(&scripts);
    lines.add("kubeadm_running", yes_no(kubeadm));
    lines.0
}

/// Returns every key pair and every kubeconfig with embedded data, and whether they match.
pub(super) fn pairs(machine: &Machine) -> Vec<(String, bool)> {
    let pairs = machine.pairs().into_iter().map(|base| {
        let matches = machine.pair_matches(&base);
        (base, matches)
    });
    let configs = machine.files.iter().filter(|(path, file)| {
        path.starts_with("/etc/kubernetes/")
            && path.ends_with(".conf")
            && file.text.contains("client-key-data: ")
    });
    pairs.chain(configs.map(|(path, file)| (path.clone(), embedded_matches(&file.text)))).collect()
}

fn embedded_matches(kubeconfig: &str) -> bool {
    let data = |key: &str| kubeconfig.lines().find_map(|line| line.trim().strip_prefix(key));
    data("client-key-data: ") == data("client-certificate-data: ")
}

fn kubelet(machine: &Machine) -> String {
    let mut lines = Lines::default();
    let kubelet = &machine.kubelet;
    let program = machine.program("kubelet").map(|version| version.to_string());
    lines.add("program", program.unwrap_or_default());
    let (active, process) = match kubelet.state {
        UnitState::Active if kubelet.replaced => ("active", "replaced"),
        UnitState::Active => ("active", "current"),
        UnitState::Inactive => ("inactive", "none"),
        UnitState::Failed => ("failed", "none"),
    };
    lines.add("active", active);
    lines.add("pid", kubelet.pid);
    lines.add("process", process);
    lines.add("invocation", &kubelet.invocation);
    // The simulated packages are those that leave the restart to the operator.
    lines.add("fresh", yes_no(false));
    lines.add("needs_reload", yes_no(kubelet.needs_reload));
    let hash = |path| machine.text(path).map(sha256).unwrap_or_default();
    lines.add("config", hash(KUBELET_CONFIG));
    lines.add("flags", hash("/var/lib/kubelet/kubeadm-flags.env"));
    lines.add("last_log", &kubelet.last_log);
    lines.0
}

fn read_files(machine: &Machine, paths: &[String]) -> Reply {
    match files::archive(machine, paths) {
        Ok(stdout) => Reply { status: 0, stdout, stderr: String::new() },
        Err(error) => failed(2, format!("tar: {error}")),
    }
}

fn upgrade_plan(machine: &Machine, api: &Api, args: &[String]) -> Reply {
    let Some((version, flags)) = args.split_first() else {
        return failed(64, "no version given".to_owned());
    };
    if api.server().is_none() {
        return failed(1, "error: the API server does not answer".to_owned());
    }
    let plan = version.parse::<Version>().map_err(|error| error.to_string()).and_then(|target| {
        policy::check_plan(machine, api, &target, flags)?;
        plan_text(machine, api, &target)
    });
    plan.map_or_else(|why| failed(1, why), said)
}

fn plan_text(machine: &Machine, api: &Api, target: &Version) -> Result<String, String> {
    let cluster = policy::cluster_version(api)?;
    let kubeadm = machine.program("kubeadm").map(|it| it.to_string()).unwrap_or_default();
    let mut text = format!(
        "[preflight] Running pre-flight checks.\n[upgrade] Running cluster health checks\n\
         [upgrade/versions] Cluster version: {}\n[upgrade/versions] kubeadm version: {kubeadm}\n\
         [upgrade/versions] Target version: {target}\n\n\
         COMPONENT                 NODE      CURRENT   TARGET\n",
        cluster.bare()
    );
    for (name, node) in api.control_planes() {
        for (component, mirror) in &node.status.mirrors {
            let current = tag_of(&mirror.image).unwrap_or_default();
            let image = release::image(component, target);
            let new = tag_of(&image).unwrap_or_default();
            text.push_str(&format!("{component:<25} {name:<9} {current:<9} {new}\n"));
        }
    }
    text.push_str(&format!(
        "\nYou can now apply the upgrade by executing the following command:\n\n\t\
         kubeadm upgrade apply {target}\n\n\
         API GROUP                 CURRENT VERSION   PREFERRED VERSION   MANUAL UPGRADE REQUIRED\n\
         kubeproxy.config.k8s.io   v1alpha1          v1alpha1            no\n\
         kubelet.config.k8s.io     v1beta1           v1beta1             no\n"
    ));
    Ok(text)
}
