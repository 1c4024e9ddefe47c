//! The program `kup` as the suites run it: the same code, in a binary that cargo builds for them.

fn main() -> std::process::ExitCode {
    kup_cli::main()
}
