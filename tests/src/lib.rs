//! Nothing: the suites are in `it`, and the program that they run is `bin/kup-under-test.rs`.
