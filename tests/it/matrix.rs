//! `docs/CRASH_MATRIX.md` is what the results say.

use std::path::Path;

use kup_tests::matrix::{files, render};

#[test]
fn the_page_of_results_is_the_one_that_the_results_make() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = render(&files(&tests.join("results")).unwrap()).unwrap();
    let page = std::fs::read_to_string(tests.join("../docs/CRASH_MATRIX.md")).unwrap();
    assert_eq!(page, made, "write it anew: cargo run -p kup-tests --bin crash-matrix");
}
