//! A healthy cluster is broken, a gate says so, and says nothing any more when it is mended.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::catalog::Catalog;
use kup_core::event::Verdict;
use kup_core::plan::GateSpec;
use kup_tests::breakages::{Answer, Breakage, Mended, workloads};

use crate::sim_rig::Rig;
use crate::sim_troubles::inventory;

type Params = BTreeMap<String, String>;

/// Asks the gate of a code about the cluster as it is.
async fn ask(rig: &Rig, code: &str, says: &[(&str, &str)]) -> Verdict {
    let inventory = inventory(&rig.world, rig.clock.clone()).await.unwrap();
    let mut catalog = Catalog::new();
    kup_steps::gate::add_all(&mut catalog, &Arc::new(inventory));
    let always = [("from", "v1.35.6"), ("hops", "v1.36.2"), ("max-unavailable", "1")];
    let params: Params = always
        .iter()
        .chain(says)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let about = kup_steps::gate::about().find(|about| about.code == code).unwrap();
    let spec = GateSpec { gate: about.name.to_owned(), version: 1, params: params.clone() };
    catalog.gate(&spec).unwrap().check(&params).await.unwrap()
}

async fn breaks_and_is_mended(rig: &Rig, breakage: &Breakage) {
    let Breakage { code, what, .. } = breakage;
    let healthy = ask(rig, code, &[]).await;
    assert!(matches!(healthy, Verdict::Pass { .. }), "{code} {what}: {healthy:?}");
    rig.world.disturb(breakage.breaks).unwrap();
    let broken = ask(rig, code, breakage.says).await;
    let (answer, evidence, remedy) = match &broken {
        Verdict::Pass { .. } => panic!("{code} {what}: {broken:?}"),
        Verdict::Warn { evidence, remedy } => (Answer::Warns, evidence, remedy),
        Verdict::Block { evidence, remedy } => (Answer::Blocks, evidence, remedy),
    };
    assert_eq!(answer, breakage.answer, "{code} {what}: {broken:?}");
    assert!(evidence.contains(breakage.evidence) && !remedy.is_empty(), "{code}: {broken:?}");
    match breakage.mended {
        Mended::By(_) => {
            rig.world.calm().unwrap();
            let mended = ask(rig, code, &[]).await;
            assert!(matches!(mended, Verdict::Pass { .. }), "{code} {what}: {mended:?}");
        }
        Mended::With(_, param) => {
            let says = [breakage.says, &[param]].concat();
            let mended = ask(rig, code, &says).await;
            assert!(!matches!(mended, Verdict::Block { .. }), "{code} {what}: {mended:?}");
            rig.world.calm().unwrap();
        }
    }
}

#[tokio::test]
async fn every_breakage_of_workloads_is_found_until_it_is_mended() {
    let rig = Rig::new("sim:3x2@v1.35.6").await;
    for breakage in &workloads::ALL {
        breaks_and_is_mended(&rig, breakage).await;
    }
}
