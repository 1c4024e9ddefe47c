//! The list of guards in `kup_tests::mutant` fits the sources. That each is missed is shown by `cargo run -p kup-tests --bin mutants`.

use std::path::Path;

use kup_tests::mutant::all;

#[test]
fn every_guard_stands_where_the_list_of_mutants_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for mutant in all() {
        let text = std::fs::read_to_string(root.join(mutant.file)).unwrap();
        assert_ne!(mutant.apply(&text).unwrap(), text, "{}", mutant.name);
    }
    assert!(all().count() >= 15, "only {}", all().count());
}
