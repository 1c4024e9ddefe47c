//! Walks by seed, as many as wanted: `walk-seeds --from 0 --count 1000000 --jobs 2`. `walk-seeds --seed 17` tells one story in full.

use std::collections::BTreeMap;
use std::process::ExitCode;

use kup_tests::results::Results;
use kup_tests::seeds::{Story, tell, tell_all};

/// What the command line says.
#[derive(Debug)]
struct Wanted {
    seed: Option<u64>,
    from: u64,
    count: u64,
    jobs: u64,
}

fn read(args: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { seed: None, from: 0, count: 2_000, jobs: 2 };
    let mut args = args;
    while let Some(name) = args.next() {
        let value = args.next().and_then(|value| value.parse::<u64>().ok());
        let value = value.ok_or_else(|| format!("`{name}` needs a number"))?;
        match name.as_str() {
            "--seed" => wanted.seed = Some(value),
            "--from" => wanted.from = value,
            "--count" => wanted.count = value,
            "--jobs" => wanted.jobs = value,
            other => return Err(format!("`{other}` is none of --seed, --from, --count, --jobs")),
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    let wanted = match read(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::from(2);
        }
    };
    let n_failed = match wanted.seed {
        Some(seed) => {
            let story = tell(seed);
            println!("{}", story.text);
            usize::from(story.end.is_err())
        }
        None => many(&wanted),
    };
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many(wanted: &Wanted) -> usize {
    let title = "Seeds: random troubles in the simulated cluster";
    let command = "cargo run --release -p kup-tests --bin walk-seeds -- --from 0 --count COUNT";
    let mut results = Results::new("seeds", title, command);
    let mut failed = Vec::new();
    let mut n_troubles: BTreeMap<&'static str, u64> = BTreeMap::new();
    let jobs = usize::try_from(wanted.jobs).unwrap_or(2);
    tell_all(wanted.from..wanted.from.saturating_add(wanted.count), jobs, |story| {
        story.troubles.iter().for_each(|kind| *n_troubles.entry(kind).or_default() += 1);
        hear(&story, &mut results, &mut failed);
    });
    println!("{} stories, {} of them wrong: {failed:?}", results.n_cases(), failed.len());
    n_troubles.iter().for_each(|(kind, count)| println!("{count:>9} {kind}"));
    if let Err(error) = results.write() {
        eprintln!("Error: the results cannot be written: {error}");
    }
    failed.len()
}

fn hear(story: &Story, results: &mut Results, failed: &mut Vec<u64>) {
    let first = story.troubles.first().copied().unwrap_or("no trouble came to pass");
    let end = story.end.clone().unwrap_or("WRONG");
    results.count(&format!("{first}, then others"), "at a random moment", end);
    if let Err(what) = &story.end {
        failed.push(story.seed);
        println!("seed {} ({}): {what}", story.seed, story.cluster);
        println!("  cargo run --release -p kup-tests --bin walk-seeds -- --seed {}", story.seed);
    }
    if results.n_cases().is_multiple_of(1_000) {
        println!("{} stories", results.n_cases());
    }
}
