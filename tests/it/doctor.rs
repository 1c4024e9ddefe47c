//! What `kup doctor` says of state directories and nodes that something was done to, word for word, and what it does when it is told.
//! Numbers are shown as `#` and names as RUN, UID and so on, so that `golden.txt` says the same every day.

mod acts;
mod bench;
mod cases;
mod script;

use kup_tests::results::Results;

use crate::doctor::bench::Bench;

#[test]
fn every_finding_has_its_words_and_its_exit_code() {
    let mut results = Results::new(
        "doctor",
        "What `kup doctor` says of damage and leftovers (the real program)",
        "cargo test -p kup-tests --test it doctor",
    );
    let mut said = String::new();
    for case in cases::all() {
        let bench = Bench::new(case.on);
        (case.harm)(&bench);
        let before = bench.contents();
        let ran = bench.home.run(&case.words.replace("RUN", &bench.run));
        assert!(bench.contents() == before, "{}: a check has changed something", case.what);
        let code = ran.code.unwrap();
        results.count(case.what, case.place, &format!("named, exit {code}"));
        let (what, place, words) = (case.what, case.place, case.words);
        let text = bench.plain(&ran.stdout);
        said += &format!("### {what}: {place}\n$ kup {words}\n{text}exit {code}\n\n{}", ran.stderr);
    }
    if let Some(path) = std::env::var_os("KUP_NEW_GOLDEN") {
        std::fs::write(path, &said).unwrap();
    }
    let (said, golden) = (said.split("### "), include_str!("doctor/golden.txt").split("### "));
    let wrong: Vec<_> = said.zip(golden).filter(|(said, golden)| said != golden).collect();
    assert!(wrong.is_empty(), "{}", wrong.iter().map(|(said, _)| *said).collect::<String>());
    assert_eq!(
        usize::try_from(results.n_cases()).unwrap(),
        include_str!("doctor/golden.txt").matches("### ").count()
    );
    results.write().unwrap();
}
