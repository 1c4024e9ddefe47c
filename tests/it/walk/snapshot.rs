//! Before a hop changes anything, etcd's snapshot is kept: of a member that is well, whole, or the run does not go on.

use std::sync::Arc;

use kup_core::engine::Rest;
use kup_core::event::{Event, PauseReason, StepPrepared};
use kup_steps::etcd::record::Record;
use kup_steps::etcd::snapshot::Check;
use kup_tests::walk::life::{End, Will};
use kup_tests::walk::process::{Cue, Director, Moment, Process, Undisturbed};
use kup_tests::walk::site::{Route, Site};

use super::{Fate, SUCCEEDED, forward, lives, recovers};

fn route() -> Route {
    Route::new("sim:3x0@v1.35.6", "v1.36.2")
}

/// Returns what the steps that take a snapshot have kept.
fn kept(site: &Site) -> Vec<StepPrepared> {
    let mut kept = Vec::new();
    for entry in site.entries() {
        if let Event::StepPrepared(it) = entry.event
            && it.step.as_str().contains("etcd-snapshot")
        {
            kept.push(it);
        }
    }
    kept
}

async fn assert_whole(site: &Site) {
    for prepared in kept(site) {
        let [backup] = prepared.backups.as_slice() else { panic!("{prepared:?}") };
        let mut check = Check::default();
        check.pass(&site.blobs().get(&backup.blob).await.unwrap());
        assert_eq!(check.finish(), Ok(backup.size));
    }
}

#[tokio::test]
async fn a_snapshot_is_kept_before_anything_else_of_a_hop() {
    let site = Site::new(&Route::new("sim:3x0@v1.33.3", "v1.34.1")).await;
    assert_eq!(lives(&site, Arc::new(Undisturbed), Will::Go).await, SUCCEEDED);
    let names: Vec<String> = site.plan().waves.into_iter().map(|wave| wave.name).collect();
    let expected =
        ["prefetch", "backup-before-etcd-patch", "etcd-patch", "backup", "control-plane"];
    assert_eq!(names[..5], expected);
    let [before_patch, before_hop] = kept(&site).try_into().unwrap();
    let records = [&before_patch, &before_hop].map(|it| Record::of(&it.notes).unwrap());
    assert_eq!(records.each_ref().map(|it| it.version.as_str()), ["3.5.21", "3.5.26"]);
    assert!(records.iter().all(|it| it.members.len() == 3 && it.hashes.len() == 3), "{records:?}");
    assert_whole(&site).await;
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_leaves_nothing_and_is_taken_again() {
    let site = Site::new(&route()).await;
    for node in site.nodes() {
        site.world.break_next_snapshot(&node).unwrap();
    }
    assert_eq!(lives(&site, Arc::new(Undisturbed), Will::Go).await, SUCCEEDED);
    let retries = site.entries().into_iter().filter(|entry| matches!(&entry.event, Event::RetryScheduled(it) if it.step.as_str().starts_with("etcd-snapshot")));
    assert_eq!(retries.count(), 1, "each control plane was tried, then all again");
    assert_eq!(kept(&site).len(), 1);
    assert_whole(&site).await;
}

#[tokio::test]
async fn of_a_corrupt_etcd_no_snapshot_is_taken_and_nothing_is_upgraded() {
    let site = Site::new(&route()).await;
    let picture = site.picture();
    site.world.corrupt_etcd("cp2", true).unwrap();
    let step = "etcd-snapshot.cp1".parse().unwrap();
    let paused = PauseReason::Blocked { steps: vec![step] };
    let end = lives(&site, Arc::new(Undisturbed), Will::Go).await;
    assert_eq!(end, End::Rest(Rest::Paused(paused.clone())));
    let told = format!("{:?}", site.last_entries());
    assert!(told.contains("etcd is corrupt") && told.contains("cp2 has"), "{told}");
    assert_eq!((kept(&site).len(), site.picture()), (0, picture));
    site.world.corrupt_etcd("cp2", false).unwrap();
    let PauseReason::Blocked { steps } = paused else { panic!("it was blocked") };
    assert_eq!(lives(&site, Arc::new(Undisturbed), Will::Retry(steps)).await, SUCCEEDED);
    assert_whole(&site).await;
}

/// Nobody gets through to etcd by the first control plane.
struct Closed;

impl Director for Closed {
    fn at(&self, _: &Process, moment: &Moment) -> Cue {
        match moment {
            Moment::BeforeCall(call)
                if call.what == "etcd" && call.node.as_deref() == Some("cp1") =>
            {
                Cue::Fail
            }
            Moment::BeforeCall(_)
            | Moment::AfterCall(_)
            | Moment::BeforeAppend
            | Moment::AfterAppend
            | Moment::Waiting => Cue::GoOn,
        }
    }
}

#[tokio::test]
async fn where_the_first_control_plane_does_not_lead_to_etcd_another_one_does() {
    let site = Site::new(&route()).await;
    assert_eq!(lives(&site, Arc::new(Closed), Will::Go).await, SUCCEEDED);
    let record = Record::of(&kept(&site)[0].notes).unwrap();
    assert_eq!((record.through.as_str(), record.member.as_str()), ("cp2", "cp2"));
    assert_whole(&site).await;
}

#[tokio::test]
async fn a_process_that_dies_while_it_takes_a_snapshot_leaves_none_or_a_whole_one() {
    let walk = forward(&route(), 1).await;
    let is_near = |place: &usize| {
        let last = walk.shots[*place].entries.last().and_then(|it| it.event.step().cloned());
        last.is_some_and(|step| step.as_str().contains("etcd-snapshot"))
    };
    let places: Vec<usize> = (0..walk.shots.len()).filter(is_near).collect();
    assert!(places.len() > 5, "{places:?}");
    for place in places {
        recovers(&walk, (&walk.shots[place], Fate::AtOnce), 0).await;
    }
}
