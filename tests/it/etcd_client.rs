//! The client of etcd's API is the one that its description makes.

use kup_tests::etcd_client::{generate, place};

#[test]
fn the_client_that_is_checked_in_is_made_of_the_description() {
    let made = generate().unwrap();
    assert!(
        std::fs::read_to_string(place()).unwrap() == made,
        "run `cargo run -p kup-tests --bin etcd-client`"
    );
}
