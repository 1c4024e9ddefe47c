//! How long `kup plan` takes: on simulated clusters of 500 nodes (2 s at most), and on a real one (5 s at most) with
//! `plan-bench --to VERSION --kubeconfig FILE [flags of kup plan]`. Runs the `kup` that lies beside this program, or that `$KUP` names.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark starts a program and measures by the wall clock"
)]

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How often each plan is made.
const N_RUNS: usize = 5;
/// Ended, or blocked by a gate: in both cases everything was asked.
const PLANNED: [i32; 2] = [0, 4];

/// A plan to make and how long it may take.
struct Case {
    words: Vec<String>,
    limit: Duration,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let outcome = cases(given).and_then(|cases| {
        let all: Result<Vec<bool>, String> = cases.iter().map(measure).collect();
        all.map(|quick| quick.into_iter().all(|it| it))
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::from(2)
        }
    }
}

fn cases(given: Vec<String>) -> Result<Vec<Case>, String> {
    if given.is_empty() {
        let sizes = ["sim:5x495@v1.35.6", "sim:3x497@v1.35.6"];
        let case = |size: &str| {
            let words = ["plan", "v1.36.2", "--cluster", size].map(str::to_owned).to_vec();
            Case { words, limit: Duration::from_secs(2) }
        };
        return Ok(sizes.map(case).into());
    }
    let [to, version, flags @ ..] = given.as_slice() else {
        return Err("say --to VERSION and how to reach the cluster".to_owned());
    };
    if to != "--to" {
        return Err("the first flag is --to VERSION".to_owned());
    }
    let words = ["plan", version].into_iter().map(str::to_owned).chain(flags.iter().cloned());
    Ok(vec![Case { words: words.collect(), limit: Duration::from_secs(5) }])
}

/// Makes a plan again and again, prints how long it took, and returns whether the median keeps the limit.
fn measure(case: &Case) -> Result<bool, String> {
    let mut times = (0..N_RUNS).map(|_| time(case)).collect::<Result<Vec<_>, _>>()?;
    times.sort();
    let (Some(best), Some(worst)) = (times.first(), times.last()) else { return Ok(true) };
    let median = times.get(N_RUNS / 2).unwrap_or(worst);
    let seconds = |time: &Duration| format!("{:.2}", time.as_secs_f64());
    let is_quick = *median <= case.limit;
    println!(
        "kup {}: median {} s, best {} s, worst {} s of {N_RUNS}; limit {} s: {}",
        case.words.join(" "),
        seconds(median),
        seconds(best),
        seconds(worst),
        case.limit.as_secs(),
        if is_quick { "kept" } else { "MISSED" },
    );
    Ok(is_quick)
}

fn time(case: &Case) -> Result<Duration, String> {
    let state = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new(kup()?);
    command.args(&case.words).arg("--state-dir").arg(state.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let output = command.output().map_err(|error| format!("cannot start kup: {error}"))?;
    let time = began.elapsed();
    match output.status.code() {
        Some(code) if PLANNED.contains(&code) => Ok(time),
        Some(_) | None => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn kup() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("KUP") {
        return Ok(PathBuf::from(named));
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(own.with_file_name("kup"))
}
