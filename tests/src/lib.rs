//! What the suites in `it` share with the programs in `bin`: how results are kept, the page that is made of them, walks, and walks by seed.

#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a breakage that does not fit the simulated cluster says so by panicking"
)]
pub mod breakages;
pub mod etcd_client;
pub mod matrix;
pub mod mutant;
pub mod results;
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a walk says by panicking what is wrong with itself"
)]
pub mod seeds;
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a walk says by panicking what is wrong with itself"
)]
pub mod walk;
