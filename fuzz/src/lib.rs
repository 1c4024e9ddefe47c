//! What the fuzzer asks of the decoders; the workspace's tests ask the same of the kept corpus.

pub mod cases;
