//! Which backups may go: pure. A run that is not over keeps its backups always, and so does the run that a rollback could begin from.

use std::collections::BTreeMap;
use std::time::Duration;

use kup_core::clock::Timestamp;
use kup_core::event::Outcome;
use kup_core::id::RunId;
use kup_core::state::{RunState, Status};

/// How long backups stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// Those of runs that went back, were abandoned, or did nothing but take backups.
    pub(crate) older_than: Duration,
    /// Runs that have succeeded and ended longer ago are committed; never without a word of the operator.
    pub(crate) commit_older_than: Option<Duration>,
}

/// A run as far as its backups are concerned.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) run: RunId,
    pub(crate) cluster: String,
    pub(crate) standing: Standing,
    /// When its last entry was written.
    pub(crate) ended: Timestamp,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may go on, or back.
    NotOver,
    /// It may be rolled back.
    Succeeded,
    /// It has taken backups and changed nothing.
    TookBackups,
    RolledBack,
    Abandoned,
    /// Its journal says already that the backups may go.
    Free,
}

/// What is done with the backups of a run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Keep(String),
    /// The run is committed, then they are removed.
    Commit(String),
    /// The journal says that they go, then they are removed.
    Free(String),
    /// What is left over of them is removed.
    Clear(String),
}

impl Past {
    pub(crate) fn of(run: &RunId, state: &RunState, takes_backups: bool) -> Self {
        let standing = match &state.status {
            Status::Running | Status::Paused(_) => Standing::NotOver,
            Status::Finished(_) if state.backups_are_free() => Standing::Free,
            Status::Finished(Outcome::Succeeded) if takes_backups => Standing::TookBackups,
            Status::Finished(Outcome::Succeeded) => Standing::Succeeded,
            Status::Finished(Outcome::RolledBack) => Standing::RolledBack,
            Status::Finished(Outcome::Abandoned) => Standing::Abandoned,
        };
        let (run, cluster) = (run.clone(), state.started.cluster.uid.clone());
        Self { run, cluster, standing, ended: state.updated_at }
    }
}

impl Fate {
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Keep(why) | Self::Commit(why) | Self::Free(why) | Self::Clear(why) => why,
        }
    }

    pub(crate) fn goes(&self) -> bool {
        !matches!(self, Self::Keep(_))
    }
}

/// Judges runs, the oldest first.
pub(crate) fn judge(pasts: &[Past], now: Timestamp, retention: Retention) -> Vec<Fate> {
    // Of two, the later one stays in the map.
    let newest = |standing: Standing| -> BTreeMap<&str, &RunId> {
        let those = pasts.iter().filter(|past| past.standing == standing);
        those.map(|past| (past.cluster.as_str(), &past.run)).collect()
    };
    let (succeeded, took) = (newest(Standing::Succeeded), newest(Standing::TookBackups));
    let is_newest = |past: &Past| {
        let map = if past.standing == Standing::TookBackups { &took } else { &succeeded };
        map.get(past.cluster.as_str()) == Some(&&past.run)
    };
    pasts
        .iter()
        .map(|past| fate(past, (now.since(past.ended), is_newest(past)), retention))
        .collect()
}

fn fate(past: &Past, (age, is_newest): (Duration, bool), retention: Retention) -> Fate {
    let limit = retention.older_than;
    let is_old = age >= limit;
    let (ago, kept) = (days(age), days(limit));
    match past.standing {
        Standing::NotOver => Fate::Keep("it is not over".to_owned()),
        Standing::Free => Fate::Clear("freed before".to_owned()),
        Standing::RolledBack if is_old => Fate::Free(format!("rolled back {ago} ago")),
        Standing::Abandoned if is_old => Fate::Free(format!("abandoned {ago} ago")),
        Standing::RolledBack => Fate::Keep(format!("rolled back {ago} ago; kept for {kept}")),
        Standing::Abandoned => Fate::Keep(format!("abandoned {ago} ago; kept for {kept}")),
        Standing::TookBackups if is_newest => {
            Fate::Keep("the newest backup of its cluster".to_owned())
        }
        Standing::TookBackups if is_old => Fate::Commit(format!("taken {ago} ago")),
        Standing::TookBackups => Fate::Keep(format!("taken {ago} ago; kept for {kept}")),
        Standing::Succeeded => match retention.commit_older_than {
            Some(limit) if age >= limit => Fate::Commit(format!("succeeded {ago} ago")),
            Some(_) | None if is_newest => Fate::Keep("it can be rolled back".to_owned()),
            Some(_) | None => Fate::Keep(format!("not committed: `kup commit {}`", past.run)),
        },
    }
}

/// Returns a time as `3 days` or `5 hours`.
fn days(time: Duration) -> String {
    let hours = time.as_secs() / 3600;
    match (hours / 24, hours) {
        (0, 1) => "1 hour".to_owned(),
        (0, hours) => format!("{hours} hours"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Judges runs, given as `CLUSTER STANDING AGE`, with a retention of 90 days, and prints each fate's first letter.
    #[track_caller]
    fn check(runs: &[(&str, Standing, u32)], commit_after: Option<u32>, expected: &str) {
        let now = Timestamp(0).plus(DAY * 1000);
        let past = |(n, (cluster, standing, age)): (usize, &(&str, Standing, u32))| Past {
            run: format!("20261123-aaaaaa{n}").parse().unwrap(),
            cluster: (*cluster).to_owned(),
            standing: *standing,
            ended: Timestamp(0).plus(DAY * (1000 - age)),
        };
        let pasts: Vec<Past> = runs.iter().enumerate().map(past).collect();
        let commit_older_than = commit_after.map(|days| DAY * days);
        let retention = Retention { older_than: DAY * 90, commit_older_than };
        let letter = |fate: &Fate| match fate {
            Fate::Keep(_) => 'k',
            Fate::Commit(_) => 'C',
            Fate::Free(_) => 'F',
            Fate::Clear(_) => 'x',
        };
        let fates: String = judge(&pasts, now, retention).iter().map(letter).collect();
        assert_eq!(fates, expected);
    }

    #[test]
    fn what_went_back_or_was_given_up_is_kept_for_the_retention() {
        use Standing::{Abandoned, RolledBack};
        check(&[("a", RolledBack, 90), ("a", RolledBack, 89)], None, "Fk");
        check(&[("a", Abandoned, 90), ("a", Abandoned, 89)], None, "Fk");
    }

    #[test]
    fn a_run_that_is_not_over_keeps_its_backups_whatever_its_age() {
        check(&[("a", Standing::NotOver, 900), ("b", Standing::NotOver, 0)], Some(1), "kk");
    }

    #[test]
    fn what_can_be_rolled_back_goes_only_on_the_operators_word() {
        use Standing::Succeeded;
        let runs = [("a", Succeeded, 900), ("a", Succeeded, 500), ("b", Succeeded, 900)];
        check(&runs, None, "kkk");
        check(&runs, Some(600), "CkC");
        check(&runs, Some(500), "CCC");
    }

    #[test]
    fn the_newest_backup_of_each_cluster_stays() {
        use Standing::TookBackups;
        let runs = [("a", TookBackups, 900), ("a", TookBackups, 500), ("b", TookBackups, 900)];
        check(&runs, Some(1), "Ckk");
        check(&[("a", TookBackups, 89), ("a", TookBackups, 0)], None, "kk");
    }

    #[test]
    fn what_was_freed_is_cleared_at_once() {
        check(&[("a", Standing::Free, 0)], None, "x");
    }

    #[test]
    fn ages_are_short() {
        assert_eq!(days(Duration::from_secs(3_600)), "1 hour");
        assert_eq!(days(DAY * 90), "90 days");
    }
}
