//! Every way back that kup refuses, as its operator is told: an exit code, a reason, and a world that was not touched.

#![allow(clippy::disallowed_methods, reason = "backups are damaged on purpose")]

use kup_steps::script::{READ_FILES, Script};
use kup_steps::sim::{SimSpec, SimWorld};

use crate::cli_program::{Home, newborn, pause, wall_clock};

const SPEC: &str = "sim:1x1@v1.29.4";
/// Here etcd goes from 3.5 to 3.6.
const OVER_ETCD: &str = "sim:1x0@v1.33.3";
const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/// A cluster with a finished run.
struct Place {
    home: Home,
    run: String,
}

impl Place {
    fn new(spec: &str, target: &str) -> Self {
        Self::after(spec, target, |_| {})
    }

    /// The same, where somebody has changed the cluster before the run.
    fn after(spec: &str, target: &str, change: impl FnOnce(&SimWorld)) -> Self {
        let home = Home::new();
        let spec = SimSpec::parse(spec, None).unwrap();
        change(&SimWorld::create(&home.path("sim"), &spec, wall_clock()).unwrap());
        // What was stopped by that comes up again.
        pause(1500);
        let mut place = Self { home, run: String::new() };
        place.run = place.goes_to(target);
        place
    }

    /// Upgrades, and returns the run.
    fn goes_to(&self, target: &str) -> String {
        let known = self.home.runs();
        self.home.must(&format!("start {target} --cluster sim --sim-dir sim -y"));
        self.home.runs().into_iter().find(|run| !known.contains(run)).unwrap()
    }

    fn world(&self) -> SimWorld {
        SimWorld::open(&self.home.path("sim"), wall_clock()).unwrap()
    }

    fn picture(&self) -> String {
        crate::cli_program::without_lists(&self.world().picture().unwrap())
    }

    /// Must be refused, shown or done.
    fn refuses(&self, words: &str, (code, reasons): (i32, &[&str])) {
        let before = self.picture();
        for how in ["--dry-run", "-y"] {
            let ran = self.home.run(&format!("rollback {} {words} {how}", self.run));
            assert_eq!(ran.code, Some(code), "{words} {how}: {}", ran.stderr);
            for reason in reasons {
                assert!(ran.stderr.contains(reason), "{words} {how}: {}", ran.stderr);
            }
            assert!(ran.stderr.contains("nothing was changed"), "{words} {how}: {}", ran.stderr);
        }
        assert_eq!(self.picture(), before);
    }

    fn goes_back(&self, words: &str) {
        self.home.must(&format!("rollback {} {words} -y", self.run));
    }
}

#[test]
fn more_than_one_minor_down_is_refused() {
    let place = Place::new(SPEC, "v1.31.1");
    let reason = "the control plane went from v1.29.4 as far as v1.31.1: no rollback goes back more than one minor";
    place.refuses("", (2, &[reason, "kup resume"]));
}

#[test]
fn an_older_etcd_on_newer_data_is_refused_and_goes_down_only_on_a_word() {
    let place = Place::new(OVER_ETCD, "v1.34.1");
    let reasons = [
        "etcd on cp1 is at registry.k8s.io/etcd:3.6.4-0, before the run it was at registry.k8s.io/etcd:3.5.21-0",
        "an older etcd does not read what a newer one has written",
        "--experimental-etcd-downgrade",
        "EXPERIMENTAL",
    ];
    place.refuses("", (2, &reasons));
    let run = &place.run;
    let part =
        place.home.run(&format!("rollback {run} --experimental-etcd-downgrade --node cp1 -y"));
    assert_eq!(part.code, Some(2), "{}", part.stderr);
    assert!(part.stderr.contains("cannot be used with"), "{}", part.stderr);
    let shown = place.home.must(&format!("rollback {run} --experimental-etcd-downgrade --dry-run"));
    assert!(shown.contains("R2: EXPERIMENTAL: tried in kup's simulated cluster only"), "{shown}");
    assert!(shown.contains("No write to the cluster is lost"), "{shown}");
    let place_of = |words: &str| shown.find(words).unwrap_or_else(|| panic!("{words}: {shown}"));
    let waves = ["rollback-etcd-downgrade", "rollback-control-plane", "rollback-etcd-agreement"];
    assert!(waves.map(place_of).is_sorted(), "{shown}");
    place.goes_back("--experimental-etcd-downgrade");
    assert_eq!(place.picture(), newborn(OVER_ETCD));
}

#[test]
fn etcd_goes_down_only_where_it_has_gone_up() {
    let place = Place::new(SPEC, "v1.30.1");
    let words = "--experimental-etcd-downgrade";
    place.refuses(words, (2, &["etcd has kept its minor", "say it without"]));
}

#[test]
fn no_etcd_goes_down_from_3_5() {
    let place = Place::new("sim:1x0@v1.21.14", "v1.22.17");
    let reasons =
        ["etcd is at registry.k8s.io/etcd:3.5.", "from 3.6 to 3.5 and from 3.7 to 3.6 only"];
    place.refuses("--experimental-etcd-downgrade", (2, &reasons));
    let ran = place.home.run(&format!("rollback {} -y", place.run));
    assert!(!ran.stderr.contains("experimental"), "it would not help: {}", ran.stderr);
}

#[test]
fn a_node_that_joined_since_is_refused_until_it_is_gone() {
    let place = Place::new(SPEC, "v1.30.1");
    let join = |seen: &mut kup_steps::sim::Appearance| {
        let mut node = seen.nodes["w1"].clone();
        node.name = "w9".to_owned();
        node.uid = "another".to_owned();
        seen.nodes.insert("w9".to_owned(), node);
    };
    place.world().disturb(join).unwrap();
    place.refuses("", (2, &["node w9 joined after the run began"]));
    place.world().calm().unwrap();
    place.goes_back("");
}

#[test]
fn any_run_but_the_newest_of_its_cluster_is_refused() {
    let place = Place::new(SPEC, "v1.30.1");
    let later = place.goes_to("v1.30.2");
    let reason = format!("is not the newest of its cluster: {later} came later");
    place.refuses("", (2, &[&reason, &format!("`kup rollback {later}` first")]));
}

#[test]
fn a_run_that_was_abandoned_or_rolled_back_is_left_alone() {
    let place = Place::new(SPEC, "v1.30.1");
    place.goes_back("");
    let before = (place.picture(), place.home.history(&place.run));
    for how in ["-y", "--dry-run"] {
        let again = place.home.run(&format!("rollback {} {how}", place.run));
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(again.stderr.contains("was rolled back already. Nothing was changed"));
    }
    assert_eq!((place.picture(), place.home.history(&place.run)), before);
}

/// Lets the API server of cp1 name a file with the keys that Secrets are encrypted with.
fn encrypts(world: &SimWorld, file: Option<&str>) {
    let script = Script::new(READ_FILES, [API_SERVER]);
    let host = world.host("cp1");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tar = runtime.block_on(host.ask(&script)).unwrap().stdout;
    let tar = String::from_utf8_lossy(&tar);
    let text = tar[tar.find("apiVersion").unwrap()..].split('\0').next().unwrap();
    let flag = "    - --encryption-provider-config=/srv/keys/encryption.yaml\n    - --secure-port";
    let text = text.replacen("    - --secure-port", flag, 1);
    world.foreign_file("cp1", API_SERVER, Some(&text)).unwrap();
    world.foreign_file("cp1", "/srv/keys/encryption.yaml", file).unwrap();
}

#[test]
fn without_the_keys_that_secrets_are_encrypted_with_nothing_goes_back() {
    let place = Place::after(SPEC, "v1.30.1", |world| encrypts(world, None));
    let reasons = [
        "a key that it needs is missing",
        "/srv/keys/encryption.yaml on cp1, which kube-apiserver needs, is neither there nor in the pre-image",
    ];
    place.refuses("", (12, &reasons));
    place.world().foreign_file("cp1", "/srv/keys/encryption.yaml", Some("secret")).unwrap();
    place.goes_back("");
}

#[test]
fn keys_that_the_pre_image_holds_are_not_lacking() {
    let place = Place::after(SPEC, "v1.30.1", |world| encrypts(world, Some("secret")));
    place.world().foreign_file("cp1", "/srv/keys/encryption.yaml", None).unwrap();
    place.goes_back("");
}

#[test]
fn what_is_lacking_is_known_also_where_only_the_node_has_the_pre_image() {
    let place = Place::after(SPEC, "v1.30.1", |world| encrypts(world, None));
    let blobs = place.home.path(&format!("state/runs/{}/blobs", place.run));
    let files = std::fs::read_dir(&blobs).unwrap().map(|file| file.unwrap().path());
    let mut lost = 0;
    for file in files.filter(|file| is_pre_image(file)) {
        std::fs::remove_file(file).unwrap();
        lost += 1;
    }
    assert!(lost > 0);
    place.refuses("", (12, &["/srv/keys/encryption.yaml on cp1"]));
}

fn is_pre_image(file: &std::path::Path) -> bool {
    let bytes = std::fs::read(file).unwrap();
    String::from_utf8_lossy(&bytes).contains("etc/kubernetes/manifests/kube-apiserver.yaml")
}

#[test]
fn without_the_certificate_of_the_ca_nothing_goes_back() {
    let ca = "/etc/kubernetes/pki/ca.crt";
    let lose = |world: &SimWorld| world.foreign_file("cp1", ca, None).unwrap();
    let place = Place::after(SPEC, "v1.30.1", lose);
    let reason = format!("{ca} on cp1, which the control plane needs, is neither there");
    place.refuses("", (12, &[&reason]));
}
