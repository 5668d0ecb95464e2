//! The board process by itself, for the tests of this crate; the workbench has it as a hidden subcommand.

fn main() -> std::process::ExitCode {
    socklab_board::main(std::env::args().skip(1))
}
