//! Finds the run that an operator means. Pure.

use kup_core::id::RunId;

use crate::error::StoreError;

/// What stands for the newest run.
const LAST: &str = "@last";

/// How many runs an error names.
const SHOWN: usize = 10;

/// Returns the run called `given` among `known`, newest last: `@last`, a full id, or how only one begins.
pub(crate) fn resolve(known: &[RunId], given: &str) -> Result<RunId, StoreError> {
    let fits = |run: &&RunId| !given.is_empty() && run.as_str().starts_with(given);
    let matches: Vec<RunId> = match given {
        LAST => known.last().into_iter().cloned().collect(),
        _ => known.iter().filter(fits).cloned().collect(),
    };
    match matches.as_slice() {
        [run] => Ok(run.clone()),
        [] => Err(StoreError::UnknownRun { given: given.into(), known: newest(known) }),
        several => Err(StoreError::AmbiguousRun { given: given.into(), matches: newest(several) }),
    }
}

fn newest(runs: &[RunId]) -> Vec<RunId> {
    runs.iter().skip(runs.len().saturating_sub(SHOWN)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: &str) {
        let known = ["20261121-aaaaaaa", "20261123-k3f9x2a", "20261123-k3g0000"];
        let known: Vec<RunId> = known.iter().map(|id| id.parse().unwrap()).collect();
        let found = match resolve(&known, given) {
            Ok(run) => run.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_run_is_found_by_its_place_its_name_or_how_it_begins() {
        check("@last", "20261123-k3g0000");
        check("20261121", "20261121-aaaaaaa");
        check("20261123-k3f9x2a", "20261123-k3f9x2a");
    }

    #[test]
    fn an_unclear_name_lists_the_candidates() {
        check("20261123", "`20261123` could be any of the runs 20261123-k3f9x2a, 20261123-k3g0000");
        check(
            "",
            "there is no run ``; known: 20261121-aaaaaaa, 20261123-k3f9x2a, 20261123-k3g0000",
        );
    }

    #[test]
    fn without_runs_the_message_says_so() {
        let message = resolve(&[], "@last").unwrap_err().to_string();
        assert_eq!(message, "there is no run `@last`; there are no runs");
    }
}
