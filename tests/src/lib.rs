//! What the suites in `it` share with the programs in `bin`: how results are kept, and the page that is made of them.

pub mod matrix;
pub mod mutant;
pub mod results;
