//! Files that are as they were written, and files that are not.

use super::*;

fn saved() -> Saved {
    let plan =
        Plan { from: "v1".to_owned(), to: "v2".to_owned(), gates: Vec::new(), waves: Vec::new() };
    let facts = Facts::from([("w1: kubelet".to_owned(), "v1.35.6".to_owned())]);
    Saved::new(Saving {
        made: "today".to_owned(),
        words: vec!["plan".to_owned(), "v2".to_owned()],
        reach: &Reach::default(),
        ignore: vec!["K109".to_owned()],
        guard: &Guard::OnNodes,
        facts,
        plan: &plan,
    })
}

#[test]
fn what_was_saved_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan");
    saved().write(&path).unwrap();
    assert_eq!(Saved::read(&path).unwrap(), saved());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn layout_does_not_matter_and_everything_else_does() {
    let text = saved().text().unwrap();
    let dense = serde_json::to_string(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
    assert_eq!(Saved::parse(&dense), Ok(saved()));
    let changed = "damaged, or was changed by hand";
    for (old, new, why) in [
        ("v1.35.6", "v1.35.7", changed),
        ("\"to\": \"v2\"", "\"to\": \"v3\"", changed),
        ("\"sha256\": \"", "\"sha256\": \"0", changed),
        ("\"format\": 1", "\"format\": 2", "use the newer kup"),
        ("\"format\": 1", "\"format\": 0", changed),
        ("kup-plan", "terraform", "not a saved plan"),
        ("{", "", "not a saved plan"),
    ] {
        assert!(text.contains(old), "{old}");
        let told = Saved::parse(&text.replacen(old, new, 1)).unwrap_err();
        assert!(told.contains(why), "{old}: {told}");
    }
}

#[test]
fn facts_that_changed_are_named_with_both_values() {
    let of = |pairs: &[(&str, &str)]| -> Facts {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let then = of(&[("w1: kubelet", "v1"), ("gate K109 disk-room", "warn"), ("w2: uid", "a")]);
    assert_eq!(compare(&then, &then), Vec::<String>::new());
    let now = of(&[("w1: kubelet", "v2"), ("gate K109 disk-room", "pass"), ("w3: uid", "b")]);
    let told = [
        "w1: kubelet: was v1, is v2",
        "w2: uid: was a, is (absent)",
        "w3: uid: was (absent), is b",
    ];
    assert_eq!(compare(&then, &now), told);
    let worse = of(&[("w1: kubelet", "v1"), ("gate K109 disk-room", "block"), ("w2: uid", "a")]);
    assert_eq!(compare(&then, &worse), ["gate K109 disk-room: was warn, is block"]);
    let many: Facts = (0..20).map(|n| (format!("w{n}: uid"), "a".to_owned())).collect();
    assert_eq!(compare(&many, &Facts::new()).last().unwrap(), "and 10 more");
}
