//! What kubeadm will change, as unified diffs that `patch` and every editor know.

use std::fmt::Write;

use kup_steps::difference::Differences;

/// How many nodes are named.
const NAMED: usize = 4;

/// Returns all differences as text.
pub(crate) fn differences(found: &Differences, n_hops: usize) -> String {
    let of_the_first = match n_hops {
        1 => String::new(),
        n => format!(", the first of {n} hops"),
    };
    let mut text = format!("\nWhat kubeadm will change on the way to {}{of_the_first}\n", found.to);
    for change in &found.changes {
        let _ = writeln!(text, "--- {}{}", change.what, on("\t", &change.nodes));
        let _ = write!(text, "+++ {} at {}\n{}", change.what, found.to, change.diff);
    }
    if found.changes.is_empty() {
        text += "  nothing is known to change\n";
    }
    for untold in &found.untold {
        let _ = writeln!(text, "! not shown{}: {}", on(", ", &untold.nodes), untold.what);
    }
    if n_hops > 1 {
        text += "! not shown: what later hops change. It is known when this one is done: `kup plan --diff` again\n";
    }
    text
}

fn on(before: &str, nodes: &[String]) -> String {
    let named: Vec<&str> = nodes.iter().take(NAMED).map(String::as_str).collect();
    let named = named.join(", ");
    match nodes.len() {
        0 => String::new(),
        n if n <= NAMED => format!("{before}on {named}"),
        n => format!("{before}on {named} and {} more", n - NAMED),
    }
}
