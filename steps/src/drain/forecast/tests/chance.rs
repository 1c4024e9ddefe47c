//! Small clusters made by chance, the same for the same seed.

use super::town::{App, Owner, Town};
use crate::drain::DrainOptions;

/// Numbers that look as if they came by chance.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn count(&mut self, most: usize) -> usize {
        usize::try_from(self.below(most as u64)).unwrap()
    }

    /// Whether something comes true that does so once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Returns the cluster of a seed: one control plane, a few workers, applications and budgets.
pub(super) fn town(seed: u64) -> Town {
    let mut dice = Dice(seed);
    let n_workers = 1 + dice.count(4);
    let options = DrainOptions {
        delete_emptydir_data: !dice.once_in(4),
        force: !dice.once_in(4),
        grace_period: None,
    };
    let mut town = Town::new(n_workers, options);
    let names = ["a", "b", "c", "d"];
    let n_apps = 1 + dice.count(names.len());
    for name in &names[..n_apps] {
        town = town.with(app(&mut dice, name, n_workers));
    }
    for _ in 0..dice.below(4) {
        let of = names[dice.count(n_apps)];
        let spec = spec(&mut dice);
        town = match dice.once_in(6) {
            true => town.with_budget("", &spec),
            false => town.with_budget(of, &spec),
        };
    }
    town
}

fn app(dice: &mut Dice, name: &str, n_workers: usize) -> App {
    let n_pods = 1 + dice.count(4);
    let owner = match dice.below(8) {
        0 => Owner::Nobody,
        1 => Owner::DaemonSet,
        _ => Owner::Replicas,
    };
    App {
        on: (0..n_pods).map(|_| dice.count(n_workers)).collect(),
        owner,
        is_bound: dice.once_in(3),
        n_sick: if dice.once_in(4) { 1 } else { 0 },
        has_data: dice.once_in(8),
        ..App::of(name, n_pods)
    }
}

fn spec(dice: &mut Dice) -> String {
    let most = ["min", "max"][dice.count(2)];
    let number = match dice.once_in(3) {
        true => format!("{}%", dice.below(101)),
        false => dice.below(4).to_string(),
    };
    let lenient = if dice.once_in(2) { " lenient" } else { "" };
    format!("{most} {number}{lenient}")
}
