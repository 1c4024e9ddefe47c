//! The program `kup`.

fn main() -> std::process::ExitCode {
    kup_cli::main()
}
