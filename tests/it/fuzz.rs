//! The bounded part of the fuzzing of `fuzz/`: its kept corpus and the stored journals, as they are and changed by chance, thousands of times.
//! What must hold is said there, in `cases`: no panic, no abort, a place in every refusal, and what is read can be written again.

#[allow(unreachable_pub, reason = "the fuzzer is another crate")]
#[path = "../../fuzz/src/cases.rs"]
mod cases;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kup_tests::results::Results;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use cases::End;

const COMMAND: &str = "cargo test -p kup-tests --test it fuzz::";

/// How often each file of the corpus is changed. All together that is some ten thousand cases of each kind.
const ROUNDS: u64 = 40;

/// No case may take longer, even on a machine with other things to do.
const SLOWEST: Duration = Duration::from_secs(5);

/// What a case is given to, and where its corpus is.
type Target = (&'static str, fn(&[u8]) -> End);

const TARGETS: [Target; 2] = [("journal", cases::journal), ("payload", cases::payload)];

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort_unstable();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Changes some bytes the way that finds most: flips, boundaries, pieces cut out, doubled and put in from another file.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut SmallRng) {
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=bytes.len());
        let length = random.random_range(0..=16.min(bytes.len() - at));
        let from = random.random_range(0..=other.len());
        let piece = &other[from..][..random.random_range(0..=64.min(other.len() - from))];
        match random.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => {
                bytes[at] = [0, 1, 250, 251, 252, 253, 254, 255][random.random_range(0..8)];
            }
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let doubled = bytes[at..at + length].to_vec();
                bytes.splice(at..at, doubled).for_each(drop);
            }
            4 => bytes.splice(at..at + length, piece.iter().copied()).for_each(drop),
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
}

fn try_out((target, decode): Target, kind: &str, bytes: &[u8], results: &mut Results) {
    let began = Instant::now();
    let end = match decode(bytes) {
        End::Read => "a history, which can be written again",
        End::Refused => "refused, with the place",
    };
    assert!(began.elapsed() < SLOWEST, "{target}, {kind}: {bytes:02x?}");
    results.count(kind, target, end);
}

#[test]
fn whatever_bytes_are_decoded_nothing_panics_and_what_is_read_can_be_written() {
    let mut results =
        Results::new("fuzz", "Bytes by chance on their way into the decoders", COMMAND);
    for target in TARGETS {
        let corpus = corpus(target.0);
        assert!(corpus.len() > 30, "the corpus of {} is gone", target.0);
        for (number, file) in corpus.iter().enumerate() {
            try_out(target, "kept by the fuzzer", file, &mut results);
            for round in 0..ROUNDS {
                let mut random = SmallRng::seed_from_u64(round << 32 | number as u64);
                let other = &corpus[random.random_range(0..corpus.len())];
                let mut bytes = file.clone();
                mutate(&mut bytes, other, &mut random);
                try_out(target, "changed by chance", &bytes, &mut results);
            }
        }
    }
    results.write().unwrap();
}
