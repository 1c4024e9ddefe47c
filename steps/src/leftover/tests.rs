//! What is made of an answer.

use std::collections::BTreeMap;

use kup_core::id::{Epoch, Seq};

use super::*;

const RUN: &str = "20261123-aaaaaaa";

fn attempt(run: &str, trace: Trace) -> LeftAttempt {
    LeftAttempt { run: run.to_owned(), name: "install.w1.1".to_owned(), seq: Some(7), trace }
}

fn pasts(is_over: Option<bool>, is_settled: bool) -> Pasts {
    let mut past = Past::with_attempt(("install.w1.1", Seq(7)), is_settled);
    (past.is_over, past.head, past.epoch) = (is_over, Some(Seq(9)), Some(Epoch(2)));
    BTreeMap::from([(RUN.to_owned(), past)])
}

fn of(attempt: &LeftAttempt, pasts: &Pasts) -> Vec<Leftover> {
    judge(&Leftovers { attempts: vec![attempt.clone()], ..Leftovers::default() }, pasts, None)
}

fn is_clean(found: &[Leftover]) -> bool {
    matches!(found, [Leftover::Clean { .. }])
}

#[test]
fn what_the_journal_knows_is_nothing_new() {
    assert!(is_clean(&of(&attempt(RUN, Trace::Ended), &pasts(Some(false), false))));
    assert!(is_clean(&of(&attempt(RUN, Trace::Lost), &pasts(Some(false), true))));
}

#[test]
fn what_the_journal_does_not_know_yet_is_told() {
    let lost = attempt(RUN, Trace::Lost);
    assert_eq!(of(&lost, &pasts(Some(false), false)), [Leftover::Lost { attempt: lost }]);
    let runs = attempt(RUN, Trace::Running);
    let found = of(&runs, &pasts(Some(false), false));
    assert_eq!(found.last(), Some(&Leftover::Running { attempt: runs.clone() }));
    let alone = [Leftover::RunningAlone { attempt: runs.clone() }];
    assert_eq!(of(&runs, &pasts(Some(true), true)), alone);
    let runs = attempt("20200101-bbbbbbb", Trace::Running);
    assert_eq!(of(&runs, &pasts(None, true)), [Leftover::RunningAlone { attempt: runs.clone() }]);
}

#[test]
fn ended_attempts_of_unknown_runs_are_history() {
    assert!(is_clean(&of(&attempt("20200101-bbbbbbb", Trace::Ended), &pasts(None, true))));
}

#[test]
fn an_intent_names_its_place_or_is_a_finding() {
    let pasts = pasts(Some(false), true);
    for (seq, expected) in [(Some(8), false), (Some(10), true), (None, false)] {
        let attempt = LeftAttempt { seq, ..attempt(RUN, Trace::Ended) };
        let is_beyond = matches!(of(&attempt, &pasts)[..], [Leftover::BeyondEnd { .. }]);
        assert_eq!(is_beyond, expected, "{seq:?}");
        assert!(!is_clean(&of(&attempt, &pasts)), "{seq:?}");
    }
}

#[test]
fn a_unit_that_failed_is_told_and_one_at_work_may_still_leave_an_intent() {
    let unit = |state: &str| {
        let units = BTreeMap::from([(format!("kup-{RUN}-install.w1-1"), state.to_owned())]);
        Leftovers { units, ..Leftovers::default() }
    };
    assert!(matches!(judge(&unit("failed"), &Pasts::new(), None)[..], [Leftover::Unit { .. }]));
    assert_eq!(unit_at_work(&unit("failed"), RUN), None);
    for state in ["active", "activating", "deactivating", "reloading"] {
        assert!(unit_at_work(&unit(state), RUN).is_some(), "{state}");
        assert_eq!(unit_at_work(&unit(state), "20200101-bbbbbbb"), None);
    }
}

#[test]
fn an_intent_that_cannot_be_read_may_name_any_place() {
    let named = |seq| {
        let attempts = vec![LeftAttempt { seq, ..attempt(RUN, Trace::Ended) }];
        let left = Leftovers { attempts, ..Leftovers::default() };
        intents_from(&left, RUN, Seq(7)).len()
    };
    assert_eq!([named(Some(6)), named(Some(7)), named(Some(8)), named(None)], [0, 1, 1, 1]);
}

#[test]
fn an_epoch_is_read_from_the_record_of_its_own_run() {
    let owner = Some(format!("cluster=c run={RUN} epoch=3 operator=epoch=9"));
    let left = Leftovers { owner, ..Leftovers::default() };
    assert_eq!(epoch_of(&left, RUN), Some(Epoch(3)));
    assert_eq!(epoch_of(&left, "20200101-bbbbbbb"), None);
}
