//! A plan for eyes: hops, waves, nodes, steps, each with what it costs. Nodes with the same steps are shown together, so that it stays readable
//! with hundreds of them. `~` is a change, `<=` only looks, `!` is what an operator should not miss.

use std::fmt::Write;
use std::time::Duration;

use super::differences::differences;
use super::{HopPicture, Picture, Takes, Visit, WavePicture};
use crate::asked::Asked;
use crate::estimate::Basis;
use crate::guarding::sentence;

/// Where the costs stand.
const WIDTH: usize = 84;
/// How many nodes of a group are named.
const NAMED: usize = 4;

/// Returns the plan as a tree, with everything that an operator should know before saying yes.
pub(crate) fn screen(picture: &Picture) -> String {
    let cluster = &picture.cluster;
    let n_hops = match picture.hops.len() {
        1 => "1 hop".to_owned(),
        n => format!("{n} hops"),
    };
    let mut text = format!(
        "Cluster {} (kubeadm {}, {}, {}): {} -> {} in {n_hops}\n",
        cluster.endpoint,
        cluster.version,
        count(cluster.control_planes, "control plane"),
        count(cluster.workers, "worker"),
        picture.from,
        picture.to,
    );
    for hop in &picture.hops {
        text += &hop_lines(hop);
    }
    if let Some(how) = sentence(&picture.guard) {
        let _ = writeln!(text, "\nBackups\n  {how}");
    }
    for left in &picture.left_out {
        let _ = writeln!(text, "! {} is left out: {}", left.node, left.why);
    }
    text += "\nBefore you begin\n";
    for reading in &picture.read_before {
        let _ = writeln!(text, "  {}\n    {}", reading.what, reading.place);
    }
    text.push('\n');
    text += &gate_lines(&picture.gates);
    text.push('\n');
    text += &totals(picture);
    let found = picture.differences.iter();
    text + &found.map(|found| differences(found, picture.hops.len())).collect::<String>()
}

fn totals(picture: &Picture) -> String {
    let totals = &picture.totals;
    let guessed = match totals.takes.basis {
        Basis::Guess => {
            "Times with ~ are guesses: no finished run in this state directory has measured them.\n"
        }
        Basis::Measured => "Times are those of earlier runs in this state directory.\n",
    };
    format!(
        "{guessed}Plan: {}, {}, {}, about {}\n",
        count(totals.nodes, "node"),
        count(totals.visits, "visit"),
        count(totals.steps, "step"),
        about(totals.takes.time())
    )
}

fn hop_lines(hop: &HopPicture) -> String {
    let head = format!("HOP {}  {} -> {}", hop.number, hop.from, hop.to);
    let mut text = format!("\n{}", line(&head, &cost(hop.takes)));
    for wave in &hop.waves {
        text += &wave_lines(wave);
    }
    let _ = match hop.way_back.class {
        "none" => writeln!(
            text,
            "  ! Point of no return: once the first control plane is done with this hop, `kup rollback` cannot lead back:\n    {}",
            hop.way_back.why
        ),
        class => writeln!(text, "  Way back: {class}, {}", hop.way_back.why),
    };
    text
}

fn wave_lines(wave: &WavePicture) -> String {
    let order = match (wave.visits.len(), wave.at_once) {
        (0 | 1, _) => String::new(),
        (_, 1) => ", one after the other".to_owned(),
        (_, n) => format!(", up to {n} at once"),
    };
    let mut text = line(&format!("  {}{order}", wave.name), &cost(wave.takes));
    for group in groups(&wave.visits) {
        text += &group_lines(&group);
    }
    text
}

/// Puts nodes with the same steps together, in the order in which the first of each is visited.
fn groups(visits: &[Visit]) -> Vec<Vec<&Visit>> {
    let shape = |visit: &Visit| -> Vec<String> {
        visit.steps.iter().map(|step| step.title.clone()).collect()
    };
    let mut groups: Vec<(Vec<String>, Vec<&Visit>)> = Vec::new();
    for visit in visits {
        let its = shape(visit);
        match groups.iter_mut().find(|(known, _)| *known == its) {
            Some((_, group)) => group.push(visit),
            None => groups.push((its, vec![visit])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn group_lines(group: &[&Visit]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let only_looks = first.steps.iter().all(|step| step.id.contains("verify"));
    let sign = if only_looks { "<=" } else { "~" };
    let each = if group.len() > 1 { " each" } else { "" };
    let losses = losses(group);
    let losses = if losses.is_empty() { losses } else { format!(": {losses}") };
    let head = format!("    {sign} {}{losses}", names(group));
    let mut text = line(&head, &format!("{}{each}", cost(first.takes)));
    for step in &first.steps {
        text += &line(&format!("        {}", step.title), &cost(step.takes));
    }
    let stuck = |visit: &Visit| visit.loses.stuck.clone();
    let waits = |visit: &Visit| visit.loses.waits.clone();
    text += &some(group, ("!", "cannot be drained: "), stuck);
    text + &some(group, ("-", ""), waits)
}

/// Names some of what stands in the way of drains, and says how many more there are.
fn some(
    group: &[&Visit],
    (sign, what): (&str, &str),
    of: impl Fn(&Visit) -> Vec<String>,
) -> String {
    let all = group.iter().flat_map(|visit| of(visit).into_iter().map(|it| (&visit.target, it)));
    let all: Vec<_> = all.collect();
    let mut text = String::new();
    for (node, it) in all.iter().take(NAMED) {
        let _ = writeln!(text, "      {sign} {node} {what}{it}");
    }
    if let Some(more) = all.len().checked_sub(NAMED + 1) {
        let _ = writeln!(text, "      {sign} and {} more like these", more + 1);
    }
    text
}

fn names(group: &[&Visit]) -> String {
    let named: Vec<&str> = group.iter().take(NAMED).map(|visit| visit.target.as_str()).collect();
    match group.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Says what nodes lose while they are visited.
fn losses(group: &[&Visit]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let mut parts = Vec::new();
    if first.loses.control_plane {
        parts.push("its API server is away while static pods are replaced".to_owned());
    }
    if first.steps.iter().any(|step| step.title == "drain") {
        parts.push(moving(group));
        parts.push(format!("away for {}", about(Duration::from_secs(first.loses.away_seconds))));
    }
    parts.join(", ")
}

fn moving(group: &[&Visit]) -> String {
    let pods: Option<Vec<usize>> = group.iter().map(|visit| visit.loses.pods).collect();
    let Some(pods) = pods else { return "nobody can say how many pods move".to_owned() };
    let (least, most) = (pods.iter().min().copied(), pods.iter().max().copied());
    match (least.unwrap_or(0), most.unwrap_or(0)) {
        (0, 0) => "no pods move".to_owned(),
        (1, 1) => "1 pod moves".to_owned(),
        (least, most) if least == most => format!("{most} pods move"),
        (least, most) => format!("{least} to {most} pods move"),
    }
}

/// Returns what the gates say: all that is not well, with what to do about it.
fn gate_lines(gates: &[Asked]) -> String {
    let n = |word: &str| gates.iter().filter(|gate| label(gate) == word).count();
    let counts = [("pass", "pass"), ("warn", "warn"), ("ignored", "ignored"), ("BLOCK", "block")];
    let counts = counts.iter().map(|(label, word)| (n(label), word));
    let counts: Vec<String> =
        counts.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let mut text = format!("Gates: {}\n", counts.join(", "));
    for gate in gates.iter().filter(|gate| gate.word() != "pass") {
        let (label, code, name) = (label(gate), gate.about.code, gate.about.name);
        let _ = writeln!(text, "  {label:<8}{code} {name}: {}", gate.evidence());
        let _ = writeln!(text, "          remedy: {}", gate.remedy());
    }
    text
}

fn label(gate: &Asked) -> &'static str {
    match gate.word() {
        "block" if gate.ignored => "ignored",
        "block" => "BLOCK",
        word => word,
    }
}

fn line(text: &str, cost: &str) -> String {
    format!("{}\n", format!("{text:<WIDTH$}  {cost}").trim_end())
}

fn cost(takes: Takes) -> String {
    let guess = if takes.basis == Basis::Guess { "~" } else { "" };
    format!("{guess}{}", about(takes.time()))
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Returns a time as somebody says it who does not know exactly: `45s`, `4m30s`, `18m`, `2h40m`.
fn about(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{}s", seconds.max(1)),
        60..600 => {
            let tens = seconds.div_ceil(10) * 10;
            match tens % 60 {
                0 => format!("{}m", tens / 60),
                rest => format!("{}m{rest:02}s", tens / 60),
            }
        }
        600..3600 => format!("{}m", seconds.div_ceil(60)),
        _ => {
            let minutes = seconds.div_ceil(600) * 10;
            match minutes % 60 {
                0 => format!("{}h", minutes / 60),
                rest => format!("{}h{rest:02}m", minutes / 60),
            }
        }
    }
}

#[cfg(test)]
mod tests;
