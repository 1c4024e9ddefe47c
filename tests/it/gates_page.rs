//! Every gate speaks when its cluster is broken, says nothing any more when it is mended, and `docs/GATES.md` shows just that.

use std::path::Path;

use kup_core::event::Verdict;
use kup_steps::sim::{Appearance, SimWorld};
use kup_tests::breakages::{Answer, Mended, PLANNED_BEFORE, all, operators, render, rows};

use crate::cli_program::{Home, wall_clock};

#[tokio::test]
async fn every_gate_is_broken_and_mended_and_the_page_shows_it() {
    let rows = rows().await;
    let n_operators = operators().len();
    assert_eq!(rows.len(), all().len() + n_operators);
    for (breakage, row) in all().into_iter().zip(&rows) {
        let seen = format!("{} {}: {:?}", breakage.code, breakage.what, row.broken);
        let (answer, evidence, remedy) = match &row.broken {
            Verdict::Pass { .. } => panic!("{seen}"),
            Verdict::Warn { evidence, remedy } => (Answer::Warns, evidence, remedy),
            Verdict::Block { evidence, remedy } => (Answer::Blocks, evidence, remedy),
        };
        assert_eq!(answer, breakage.answer, "{seen}");
        assert!(evidence.contains(breakage.evidence) && !remedy.is_empty(), "{seen}");
        let is_mended = match (&row.mended, breakage.mended) {
            (Verdict::Pass { .. }, _) => true,
            (Verdict::Warn { .. }, Mended::With(..)) => answer == Answer::Blocks,
            (Verdict::Warn { .. }, Mended::By(_) | Mended::Once(_))
            | (Verdict::Block { .. }, _) => false,
        };
        assert!(is_mended, "{} {}: {:?}", breakage.code, breakage.what, row.mended);
    }
    let unplanned = rows.iter().filter(|row| row.what.ends_with(PLANNED_BEFORE));
    let unplanned: Vec<&str> = unplanned.map(|row| row.code).collect();
    assert_eq!(unplanned, ["K102"], "gates that `kup plan` does not come to ask");
    let speaks = |code: &str| rows.iter().any(|row| row.code == code);
    let mute: Vec<&str> =
        kup_steps::gate::about().map(|it| it.code).filter(|it| !speaks(it)).collect();
    assert_eq!(mute, ["K135"], "gates that no breakage makes speak");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/GATES.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    let made = render(kup_steps::gate::about(), &rows);
    assert_eq!(page, made, "write it anew: cargo run -p kup-tests --bin gates-page");
}

#[test]
fn a_release_that_one_node_is_not_offered_is_planned_and_a_gate_names_the_node() {
    let home = Home::new();
    let sim = "--cluster sim:1x1@v1.35.6 --sim-dir sim";
    home.must(&format!("plan v1.36.2 {sim}"));
    let lag = |seen: &mut Appearance| {
        let offers = &mut seen.machines.get_mut("w1").unwrap().offers;
        let packages = &mut offers.minors.get_mut("v1.36").unwrap().packages;
        packages.values_mut().for_each(|versions| versions.retain(|it| it.starts_with("1.36.1-")));
    };
    SimWorld::open(&home.path("sim"), wall_clock()).unwrap().disturb(lag).unwrap();
    let ran = home.run(&format!("plan v1.36.2 {sim}"));
    assert!(ran.code == Some(4) && ran.stderr.contains("blocked by K118"), "{}", ran.stderr);
    let told = "does not offer kubeadm, kubelet, kubectl 1.36.2, but 1.36.1";
    assert!(ran.stdout.contains("w1: ") && ran.stdout.contains(told), "{}", ran.stdout);
    // What all are offered needs no gate.
    let text = home.must(&format!("plan 1.36 {sim}"));
    assert!(text.contains("v1.36.1"), "{text}");
}
