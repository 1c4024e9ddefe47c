use super::*;

/// Members by version, version of their storage, and what is enabled.
fn view(members: &[(&str, &str, Option<&str>)]) -> View {
    let seen = members.iter().enumerate().map(|(n, (version, storage, downgrade))| Seen {
        member: Member {
            name: format!("cp{}", n + 1),
            id: n.to_string(),
            peers: Vec::new(),
            clients: Vec::new(),
            is_learner: false,
        },
        status: Status {
            member: n.to_string(),
            version: (*version).to_owned(),
            revision: 1,
            db_size: 0,
            has_leader: true,
            is_learner: false,
            errors: Vec::new(),
            storage: (*storage).to_owned(),
            downgrade: downgrade.map(str::to_owned),
        },
    });
    View(seen.collect())
}

fn told(view: &View) -> String {
    match view.found(Minor(3, 5)) {
        Found::Before { what } => format!("before: {what}"),
        Found::Between { what, repairable } => format!("between ({repairable}): {what}"),
        Found::After { what } => format!("after: {what}"),
        Found::Foreign { what } => format!("foreign: {what}"),
    }
}

#[test]
fn a_minor_is_read_from_versions_and_tags_alike() {
    for text in ["3.5.24", "3.5.24-0", "v3.5.0", "3.5"] {
        assert_eq!(Minor::of(text), Some(Minor(3, 5)), "{text}");
    }
    assert_eq!(Minor::of("").or(Minor::of("3")).or(Minor::of("latest")), None);
}

#[test]
fn etcd_goes_down_online_from_3_6_and_3_7_and_one_minor_only() {
    let minor = |n| Minor(3, n);
    let ways: Vec<(u32, u32)> = (3..9)
        .flat_map(|from| (3..9).map(move |to| (from, to)))
        .filter(|(from, to)| minor(*from).goes_online_to(minor(*to)))
        .collect();
    assert_eq!(ways, [(6, 5), (7, 6)]);
}

#[test]
fn how_far_a_downgrade_is_follows_from_storage_and_from_what_is_enabled() {
    let (on, off) = (Some("3.5.0"), None);
    for (members, wanted) in [
        (vec![("3.6.4", "3.6.0", off); 3], "before: no downgrade"),
        (vec![("3.6.4", "3.6.0", on); 3], "between (true): a downgrade of etcd to 3.5 is enabled"),
        (vec![("3.6.4", "3.5.0", on), ("3.6.4", "3.6.0", on)], "between (true): a downgrade"),
        (vec![("3.6.4", "3.5.0", on); 3], "after: "),
        // It was cancelled, and etcd has not raised its storage yet.
        (vec![("3.6.4", "3.5.0", off); 3], "between (true): a downgrade of etcd to 3.5 is not"),
        (vec![("3.6.4", "3.5.0", on), ("3.5.26", "", off)], "after: "),
        // An upgrade that stopped half-way: etcd has not raised anything.
        (vec![("3.6.4", "3.5.0", off), ("3.5.26", "", off)], "after: "),
        (vec![("3.6.4", "", off), ("3.5.26", "", off)], "between (true): "),
        (vec![("3.5.26", "", off); 3], "after: "),
        (vec![("3.6.4", "3.6.0", Some("3.4.0"))], "foreign: somebody"),
        (vec![("3.7.0", "3.7.0", off)], "foreign: the member cp1 of etcd runs 3.7.0"),
        (vec![("3.4.13", "", off)], "foreign: the member"),
    ] {
        let told = told(&view(&members));
        assert!(told.starts_with(wanted), "{members:?}: {told}");
    }
}

#[test]
fn who_lags_is_named() {
    let on = Some("3.5.0");
    let told = told(&view(&[("3.6.4", "3.5.0", on), ("3.6.4", "3.6.0", on)]));
    assert!(told.contains("cp2 stores at 3.6.0") && !told.contains("cp1"), "{told}");
}
