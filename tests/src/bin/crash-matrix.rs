//! Writes `docs/CRASH_MATRIX.md` from `tests/results`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = kup_tests::matrix::render(&kup_tests::matrix::files(&tests.join("results"))?)?;
    std::fs::write(tests.join("../docs/CRASH_MATRIX.md"), page)?;
    Ok(())
}
