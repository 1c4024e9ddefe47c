//! `docs/GATES.md`: every gate, what was broken to make it speak, what it said, and what it says once that is mended.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;

use kup_core::event::Verdict;
use kup_steps::gate::{About, Overruling, Unfinished, journal_room, no_unfinished_run};

use super::{Breakage, Mended, On, Town, all, ask};

const HEAD: &str = "# The gates, each with a broken cluster

Written by `cargo run -p kup-tests --bin gates-page`, not by hand; a test holds it to what the gates say. `kup explain CODE` tells the same
without the examples.

Each row is a simulated cluster that was broken in one way: usually three control planes and two workers on the way from v1.35.6 to v1.36.2.
The gate was asked as `kup plan` asks it, and what it said was taken down. Then what was broken was made whole, as the command under *done*
does it in a real cluster, and the gate was asked again; where *done* is a flag of `kup start`, the cluster stayed as it was. Where nothing
can be planned for such a cluster, the gate was asked about a plan that was made before it broke: *(planned before)*.

";

/// What a row's breakage ends with where nothing can be planned for such a cluster.
pub const PLANNED_BEFORE: &str = " *(planned before)*";

/// Gates that never stand in the way: they only tell.
const ONLY_TELL: [&str; 1] = ["K135"];

/// One breakage, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The gate.
    pub code: &'static str,
    /// What was broken.
    pub what: String,
    /// What the gate said.
    pub broken: Verdict,
    /// What was done about it.
    pub done: String,
    /// What the gate said then.
    pub mended: Verdict,
}

/// Breaks clusters and mends them, one row for each breakage.
pub async fn rows() -> Vec<Row> {
    let mut towns: BTreeMap<On, Town> = BTreeMap::new();
    let mut rows = Vec::new();
    for breakage in all() {
        let town = match towns.entry(breakage.on) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Town::new(breakage.on).await),
        };
        rows.push(row(town, breakage).await);
    }
    rows.extend(operators());
    rows
}

async fn row(town: &Town, breakage: &Breakage) -> Row {
    let Breakage { code, what, .. } = breakage;
    town.world.disturb(breakage.breaks).unwrap();
    let broken = ask(town, code, breakage.says).await;
    let mended = match breakage.mended {
        Mended::By(_) | Mended::Once(_) => {
            town.world.calm().unwrap();
            ask(town, code, &[]).await
        }
        Mended::With(_, param) => {
            let mended = ask(town, code, &[breakage.says, &[param]].concat()).await;
            town.world.calm().unwrap();
            mended
        }
    };
    let asked = if broken.is_planned_now { "" } else { PLANNED_BEFORE };
    let On { cluster, hops } = breakage.on;
    let way = match breakage.on == On::USUAL {
        true => String::new(),
        false => format!(" (`{cluster}` to {})", hops.join(", ")),
    };
    let what = format!("{what}{way}{asked}");
    let done = done(breakage.mended);
    Row { code, what, broken: broken.verdict, done, mended: mended.verdict }
}

fn done(mended: Mended) -> String {
    match mended {
        Mended::By(command) => format!("`{command}`"),
        Mended::Once(so) => so.to_owned(),
        Mended::With(flag, _) => format!("`kup start {flag}`"),
    }
}

/// The rows of the gates that only the command line asks.
#[must_use]
pub fn operators() -> Vec<Row> {
    let text = |it: &str| it.to_owned();
    let (run, to, status) = (text("2026-11-25-olive"), text("v1.36.2"), text("paused"));
    let here = Unfinished::Here { run, to, status };
    let (run, node) = (text("2026-11-20-amber"), text("w1"));
    let owner = text("cluster=c run=2026-11-20-amber epoch=1 operator=anna@desk");
    let elsewhere = Unfinished::Elsewhere { run, node, owner };
    let row = |code, what: &str, (broken, done, mended): (Verdict, &str, Verdict)| Row {
        code,
        what: what.to_owned(),
        broken,
        done: format!("`{done}`"),
        mended,
    };
    let folder = "/var/lib/kup";
    let over = || no_unfinished_run(None);
    let large = [("backup-mib".to_owned(), "9000".to_owned())].into();
    let none = [("no-etcd-snapshot".to_owned(), "yes".to_owned())].into();
    vec![
        row(
            "K190",
            "the state directory is almost full",
            (
                journal_room(folder, 12, &BTreeMap::new()),
                "kup start --state-dir /srv/kup",
                journal_room("/srv/kup", 4096, &BTreeMap::new()),
            ),
        ),
        row(
            "K190",
            "a snapshot of etcd would not fit into the state directory",
            (
                journal_room(folder, 4096, &large),
                "kup start --state-dir /srv/kup",
                journal_room("/srv/kup", 40_960, &large),
            ),
        ),
        row(
            "K190",
            "no snapshot of etcd shall be taken",
            (
                journal_room(folder, 4096, &none),
                "kup start without --no-etcd-snapshot",
                journal_room(folder, 4096, &BTreeMap::new()),
            ),
        ),
        row(
            "K191",
            "a run rests",
            (no_unfinished_run(Some(&here)), "kup abandon 2026-11-25-olive --reason TEXT", over()),
        ),
        row(
            "K191",
            "a run of another machine has left its mark on a node",
            (no_unfinished_run(Some(&elsewhere)), "kup start --take-over 2026-11-20-amber", over()),
        ),
    ]
}

/// Returns the page of these gates and rows.
#[must_use]
pub fn render(gates: impl Iterator<Item = About>, rows: &[Row]) -> String {
    let mut gates: Vec<About> = gates.collect();
    gates.sort_by_key(|about| about.code);
    let mut page = HEAD.to_owned();
    // Writing into a string cannot fail.
    page.push_str("| code | name | question | can be ignored |\n|---|---|---|---|\n");
    for about in &gates {
        let About { code, name, question, .. } = about;
        let ignored = match about.overruling {
            Overruling::Allowed => format!("with `--ignore {code}`"),
            Overruling::Never => "no".to_owned(),
        };
        writeln!(
            page,
            "| [{code}](#{anchor}) | {name} | {question} | {ignored} |",
            anchor = anchor(about)
        )
        .ok();
    }
    for about in &gates {
        section(&mut page, about, rows);
    }
    page
}

fn anchor(about: &About) -> String {
    format!("{}-{}", about.code.to_lowercase(), about.name)
}

fn section(page: &mut String, about: &About, rows: &[Row]) {
    let About { code, name, question, why, remedy, .. } = about;
    writeln!(page, "\n## {code} {name}\n\n{question} {why}\n\nRemedy: {remedy}\n").ok();
    if ONLY_TELL.contains(code) {
        page.push_str("It never stands in the way.\n");
        return;
    }
    page.push_str("| broken | it says | remedy | done | then |\n|---|---|---|---|---|\n");
    for row in rows.iter().filter(|row| row.code == *code) {
        let (answer, evidence, said) = told(&row.broken);
        let (then, why, _) = told(&row.mended);
        let cells = [
            row.what.clone(),
            format!("**{answer}**: {evidence}"),
            if said == *remedy { "as above" } else { said }.to_owned(),
            row.done.clone(),
            format!("{then}: {why}"),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        writeln!(page, "| {} |", cells.join(" | ")).ok();
    }
}

fn told(verdict: &Verdict) -> (&'static str, &str, &str) {
    match verdict {
        Verdict::Pass { evidence } => ("pass", evidence, ""),
        Verdict::Warn { evidence, remedy } => ("warn", evidence, remedy),
        Verdict::Block { evidence, remedy } => ("block", evidence, remedy),
    }
}
