//! The way back over a changed minor of etcd (class R2, an experiment): etcd goes down while it runs, and the world is as before; or the way back
//! rests for a reason that is true. Never does an etcd meet data that it cannot read.

use std::sync::Arc;
use std::time::Duration;

use kup_core::engine::Rest;
use kup_core::event::{Event, Outcome, PauseReason};
use kup_core::id::StepId;
use kup_core::state::StepState;
use kup_steps::rollback::{
    Asked, Class, EtcdBack, Extent, Present, RollbackProblem, Way, rollback,
};
use kup_steps::script::{READ_FILES, Script};
use kup_tests::walk::camera::{Camera, Shot};
use kup_tests::walk::life::{End, Will};
use kup_tests::walk::process::Undisturbed;
use kup_tests::walk::site::{Route, Site};

use super::{Fate, ROLLED_BACK, Walk, count, forward, lives, place_of};

const DOWNGRADE: &str = "rollback.etcd-downgrade.cp1";

fn down() -> Will {
    Will::BackAs(Asked { etcd: EtcdBack::Downgraded, ..Asked::default() })
}

/// Etcd is patched within 3.5, then goes to 3.6.
fn route(cluster: &str) -> Route {
    Route::new(cluster, "v1.34.1")
}

/// Goes back from where a process left a run or its way back; without the downgrade where etcd has not changed its minor yet.
async fn goes_back(walk: &Walk, (shot, fate): (&Shot, Fate), every: usize) -> Vec<Shot> {
    let site = walk.site.revive(shot);
    fate.befall(&site);
    let camera = Camera::new(&site, every);
    let place = format!("{:?} entry {}, {fate:?}", shot.moment, shot.entries.len());
    let mut end = match site.outcome() {
        Some(Outcome::RolledBack) => ROLLED_BACK,
        Some(_) | None => lives(&site, camera.clone(), down()).await,
    };
    if matches!(&end, End::NoWayBack(why) if why.contains("etcd has kept its minor")) {
        end = lives(&site, camera.clone(), Will::Back).await;
    }
    let nothing_done = matches!(&end, End::NoWayBack(why) if why.contains("changed nothing"));
    assert!(
        end == ROLLED_BACK || nothing_done,
        "{place}: {end:?} {:#?} {:?}",
        site.last_entries(),
        site.judge().found()
    );
    if end == ROLLED_BACK {
        walk.judge(&site, &place);
    }
    let word = if nothing_done { "nothing to roll back" } else { "rolled back" };
    count("kup killed, then etcd taken down and rolled back", place_of(shot), word);
    camera.develop()
}

#[tokio::test]
async fn a_finished_run_goes_back_over_a_minor_of_etcd_and_survives_a_death_at_every_moment() {
    let walk = forward(&route("sim:1x1@v1.33.3"), 0).await;
    assert!(walk.after.contains("stores at 3.6") && walk.before.contains("stores at 3.5"));
    let finished = Shot::of(&walk.site);
    let shots = goes_back(&walk, (&finished, Fate::AtOnce), 1).await;
    assert!(shots.len() > 100, "{} points", shots.len());
    for (n, shot) in shots.iter().enumerate() {
        let fate = if n % 2 == 0 { Fate::AtOnce } else { Fate::UnitsKilled };
        goes_back(&walk, (shot, fate), 0).await;
    }
}

/// Whether the last word of the journal is about etcd's way down.
fn is_going_down(shot: &Shot) -> bool {
    let step = shot.entries.last().and_then(|it| it.event.step().cloned());
    step.is_some_and(|step| step.as_str().contains("etcd-downgrade"))
}

#[tokio::test]
async fn three_control_planes_go_back_over_a_minor_of_etcd_and_survive_deaths() {
    let walk = forward(&route("sim:3x1@v1.33.3"), 0).await;
    let finished = Shot::of(&walk.site);
    let shots = goes_back(&walk, (&finished, Fate::AtOnce), 1).await;
    let all = shots.iter().enumerate();
    for (_, shot) in all.filter(|(n, shot)| n % 11 == 0 || is_going_down(shot)) {
        goes_back(&walk, (shot, Fate::AtOnce), 0).await;
        goes_back(&walk, (shot, Fate::UnitsKilled), 0).await;
    }
}

#[tokio::test]
async fn a_half_done_run_goes_back_over_a_minor_of_etcd_from_wherever_it_was_left() {
    let walk = forward(&route("sim:3x1@v1.33.3"), 19).await;
    for shot in &walk.shots {
        goes_back(&walk, (shot, Fate::AtOnce), 0).await;
    }
}

#[tokio::test]
async fn without_being_asked_no_way_leads_back_over_a_minor_of_etcd() {
    let walk = forward(&route("sim:1x0@v1.33.3"), 0).await;
    let end = lives(&walk.site, Arc::new(Undisturbed), Will::Back).await;
    let End::NoWayBack(why) = end else { panic!("{end:?}") };
    assert!(why.contains("does not read what a newer one has written"), "{why}");
}

#[tokio::test]
async fn a_fresh_snapshot_comes_first_and_the_leader_last() {
    let walk = forward(&route("sim:3x0@v1.33.3"), 0).await;
    let site = walk.site.clone();
    // The first member leads, and all of them are well.
    assert_eq!(lives(&site, Arc::new(Undisturbed), down()).await, ROLLED_BACK);
    walk.judge(&site, "three members");
    let done: Vec<StepId> = completed(&site);
    let place = |wanted: &str| {
        let found = done.iter().position(|step| step.as_str() == wanted);
        found.unwrap_or_else(|| panic!("no {wanted} in {done:?}"))
    };
    let members = ["cp3", "cp2", "cp1"];
    let places = members.map(|it| place(&format!("rollback.kubeadm-etcd.{it}")));
    assert!(places.is_sorted(), "{done:?}");
    let first = place("rollback.etcd-snapshot.cp1");
    assert_eq!(place(DOWNGRADE), first + 1, "{done:?}");
    assert!(done.iter().find(|it| it.as_str().starts_with("rollback.")) == Some(&done[first]));
    assert!(place("rollback.etcd-agreement.cp1") > places[2]);
}

/// What a rollback is planned from, with etcd at an image.
fn present(site: &Site, etcd: &str, leader: Option<&str>) -> Present {
    let of_all =
        |value: &str| site.nodes().into_iter().map(|node| (node, value.to_owned())).collect();
    let (kubelets, etcd) = (of_all("v1.34.1"), of_all(etcd));
    Present { kubelets, etcd, etcd_leader: leader.map(str::to_owned), ..Present::default() }
}

fn planned(site: &Site, present: &Present, extent: Extent) -> Result<Way, RollbackProblem> {
    rollback(&site.state(), present, &Asked { extent, etcd: EtcdBack::Downgraded })
}

#[tokio::test]
async fn whoever_leads_etcd_goes_back_last_and_the_others_in_their_order() {
    let walk = forward(&route("sim:3x0@v1.33.3"), 0).await;
    for (leader, order) in
        [(None, "cp3 cp2 cp1"), (Some("cp3"), "cp2 cp1 cp3"), (Some("cp2"), "cp3 cp1 cp2")]
    {
        let present = present(&walk.site, "registry.k8s.io/etcd:3.6.4-0", leader);
        let way = planned(&walk.site, &present, Extent::All).unwrap();
        assert_eq!(way.class, Class::R2);
        let members = way.plan.waves.iter().find(|wave| wave.name == "rollback-control-plane");
        let targets = members.unwrap().stages.iter().map(|stage| stage.target.as_str());
        assert_eq!(targets.collect::<Vec<_>>().join(" "), order);
    }
}

#[tokio::test]
async fn what_etcd_cannot_do_while_it_runs_is_refused_with_a_reason() {
    let walk = forward(&route("sim:1x0@v1.33.3"), 0).await;
    let site = &walk.site;
    let refused = |etcd: &str, extent: Extent| {
        planned(site, &present(site, etcd, None), extent).map(|way| way.class).unwrap_err()
    };
    let etcd = |tag: &str| format!("registry.k8s.io/etcd:{tag}");
    assert_eq!(refused(&etcd("3.5.26-0"), Extent::All), RollbackProblem::EtcdStays);
    let two = refused(&etcd("3.7.0-0"), Extent::All);
    assert!(matches!(&two, RollbackProblem::EtcdNotOnline { .. }), "{two}");
    let part = refused(&etcd("3.6.4-0"), Extent::Node("cp1".to_owned()));
    assert_eq!(part, RollbackProblem::EtcdPart);
    // Where etcd runs elsewhere no step has found an image of it.
    let mut state = site.state();
    for record in state.steps.values_mut() {
        let notes = record.prepared.iter_mut().flat_map(|prepared| &mut prepared.notes);
        notes.filter(|(name, _)| name == "image:etcd").for_each(|(_, image)| image.clear());
    }
    let asked = Asked { etcd: EtcdBack::Downgraded, ..Asked::default() };
    let external = rollback(&state, &present(site, "", None), &asked).map(|way| way.class);
    assert_eq!(external, Err(RollbackProblem::EtcdElsewhere));
}

fn completed(site: &Site) -> Vec<StepId> {
    let mut done = Vec::new();
    for entry in site.entries() {
        if let Event::StepCompleted(it) = entry.event {
            done.push(it.step);
        }
    }
    done
}

/// The rollback rests at a step; returns what it says.
fn rests_at(site: &Site, end: &End, step: &str) -> String {
    let id: StepId = step.parse().unwrap();
    let asks = End::Rest(Rest::Paused(PauseReason::Blocked { steps: vec![id.clone()] }));
    assert_eq!(*end, asks, "{:#?}", site.last_entries());
    let state = site.state();
    let StepState::Blocked(error) = &state.step(&id).unwrap().state else { panic!("{state:?}") };
    error.to_string()
}

fn again(step: &str) -> Will {
    Will::Retry(vec![step.parse().unwrap()])
}

#[tokio::test]
async fn a_downgrade_that_etcd_refuses_changes_nothing_and_is_tried_again_on_a_word() {
    let walk = forward(&route("sim:3x1@v1.33.3"), 0).await;
    let site = walk.site.clone();
    site.world.refuse_next_downgrade("cp1").unwrap();
    let end = lives(&site, Arc::new(Undisturbed), down()).await;
    let said = rests_at(&site, &end, DOWNGRADE);
    assert!(said.contains("nothing was changed") && said.contains("refuses"), "{said}");
    assert_eq!(site.picture(), walk.after);
    assert_eq!(lives(&site, Arc::new(Undisturbed), again(DOWNGRADE)).await, ROLLED_BACK);
    walk.judge(&site, "after a refusal");
    count(
        "etcd refuses to go down",
        "before anything goes back",
        "asked, tried again, rolled back",
    );
}

#[tokio::test]
async fn a_member_that_does_not_lower_its_storage_is_named_and_nothing_is_put_on_top_of_it() {
    let walk = forward(&route("sim:3x1@v1.33.3"), 0).await;
    let site = walk.site.clone();
    site.world.hold_etcd_storage("cp2", true).unwrap();
    let end = lives(&site, Arc::new(Undisturbed), down()).await;
    let said = rests_at(&site, &end, DOWNGRADE);
    let words = ["half-way down to 3.5", "cp2 stores at 3.6", "etcdctl downgrade cancel"];
    assert!(words.iter().all(|it| said.contains(it)), "{said}");
    let picture = site.picture();
    assert!(
        picture.contains("etcd goes down to 3.5") && picture.contains("cp2: etcd stores at 3.6")
    );
    assert!(!picture.contains("etcd:3.5"), "no member was replaced: {picture}");
    site.world.hold_etcd_storage("cp2", false).unwrap();
    site.forward(Duration::from_secs(1));
    assert_eq!(lives(&site, Arc::new(Undisturbed), again(DOWNGRADE)).await, ROLLED_BACK);
    walk.judge(&site, "after a member lagged");
    count("a member keeps its storage", "half-way down", "asked, tried again, rolled back");
}

/// Where the downgrade is done and no member was replaced, somebody cancels it.
#[tokio::test]
async fn a_downgrade_that_somebody_cancels_is_noticed_before_an_older_etcd_is_put_there() {
    let walk = forward(&route("sim:1x0@v1.33.3"), 0).await;
    let finished = Shot::of(&walk.site);
    let shots = goes_back(&walk, (&finished, Fate::AtOnce), 1).await;
    let is_there = |shot: &&Shot| {
        matches!(&shot.entries.last().unwrap().event,
        Event::StepCompleted(it) if it.step.as_str() == DOWNGRADE)
    };
    let shot = shots.iter().find(is_there).unwrap();
    let site = walk.site.revive(shot);
    site.world.foreign_downgrade_cancel().unwrap();
    site.forward(Duration::from_secs(1));
    let step = "rollback.kubeadm-etcd.cp1";
    let end = lives(&site, Arc::new(Undisturbed), down()).await;
    let said = rests_at(&site, &end, step);
    assert!(said.contains("an etcd 3.5 would not start on cp1"), "{said}");
    assert!(site.world.picture().unwrap().contains("cp1: etcd up with registry.k8s.io/etcd:3.6"));
}

/// The simulated etcd itself: it does not serve over data of a newer one.
#[tokio::test]
async fn an_older_etcd_put_on_newer_data_does_not_come_up() {
    let site = Site::new(&Route::new("sim:1x0@v1.34.1", "v1.35.6")).await;
    let path = "/etc/kubernetes/manifests/etcd.yaml";
    let tar = site.world.host("cp1").ask(&Script::new(READ_FILES, [path])).await.unwrap().stdout;
    let tar = String::from_utf8_lossy(&tar);
    let text = &tar[tar.find("apiVersion").unwrap()..];
    let manifest = text.split('\0').next().unwrap().to_owned();
    let older = manifest.replace("etcd:3.6.4-0", "etcd:3.5.26-0");
    assert_ne!(older, manifest);
    site.world.foreign_file("cp1", path, Some(&older)).unwrap();
    let down = site.picture();
    assert!(down.contains("cp1: etcd down with registry.k8s.io/etcd:3.5.26-0"), "{down}");
    site.world.foreign_file("cp1", path, Some(&manifest)).unwrap();
    assert!(site.picture().contains("cp1: etcd up with registry.k8s.io/etcd:3.6.4-0"));
}
