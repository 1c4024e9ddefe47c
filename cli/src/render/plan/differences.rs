//! What kubeadm will change, as unified diffs that `patch` and every editor know.

use std::fmt::Write;

use kup_steps::difference::{Change, Differences};

/// How many nodes are named.
const NAMED: usize = 4;

/// Returns all differences as text.
pub(crate) fn differences(found: &Differences, n_hops: usize) -> String {
    let of_the_first = match n_hops {
        1 => String::new(),
        n => format!(", the first of {n} hops: what later ones change is known when it is done"),
    };
    let mut text = format!("\nWhat kubeadm will change on the way to {}{of_the_first}\n", found.to);
    for change in &found.changes {
        let _ = writeln!(text, "--- {}{}", change.what, places(change));
        let _ = write!(text, "+++ {} at {}\n{}", change.what, found.to, change.diff);
    }
    if found.changes.is_empty() {
        text += "  nothing is known to change\n";
    }
    for untold in &found.untold {
        let _ = writeln!(text, "! not shown: {untold}");
    }
    text
}

fn places(change: &Change) -> String {
    let named: Vec<&str> = change.nodes.iter().take(NAMED).map(String::as_str).collect();
    match change.nodes.len() {
        0 => String::new(),
        n if n <= NAMED => format!("\ton {}", named.join(", ")),
        n => format!("\ton {} and {} more", named.join(", "), n - NAMED),
    }
}
