//! Every gate speaks when its cluster is broken, says nothing any more when it is mended, and `docs/GATES.md` shows just that.

use std::path::Path;

use kup_core::event::Verdict;
use kup_tests::breakages::{Answer, Mended, PLANNED_BEFORE, all, operators, render, rows};

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
