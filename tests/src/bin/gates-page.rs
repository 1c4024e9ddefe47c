//! Writes `docs/GATES.md`: breaks clusters, asks the gates, mends what was broken, asks again.

use std::path::Path;

use kup_tests::breakages::{render, rows};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let page = render(kup_steps::gate::about(), &rows().await);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/GATES.md");
    std::fs::write(docs, page)?;
    Ok(())
}
