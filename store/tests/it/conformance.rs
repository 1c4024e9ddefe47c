//! Every journal and all blobs of this crate keep the contract.

use kup_store::conformance::{check_blobs, check_journals};
use kup_store::{MemoryBlobs, MemoryStore, Store};

use crate::samples::run;

#[tokio::test]
async fn files_conform() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    check_journals(&store).await.unwrap();
    std::fs::create_dir(dir.path().join("runs").join(run().as_str())).unwrap();
    check_blobs(&store.blobs(&run())).await.unwrap();
}

#[tokio::test]
async fn memory_conforms() {
    check_journals(&MemoryStore::default()).await.unwrap();
    check_blobs(&MemoryBlobs::default()).await.unwrap();
}
