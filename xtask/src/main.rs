//! `cargo xtask`: builds, runs, tests and lints netbridge, and gets the tools that takes.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks on stdout and stderr"
)]

mod budget;
mod cargo;
mod cmd;
mod failure;
mod report;
mod root;
mod summary;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building the eBPF programs takes, if it is missing
    Setup(cmd::setup::Options),
    /// Build netbridge
    Build(cmd::build::Options),
    /// Build netbridge and run it as root: its demo, unless told otherwise
    Run(cmd::run::Options),
    /// Run the lints, the verifier check and all tests
    Test(cmd::test::Options),
    /// Check format, lints, documentation and tidiness
    Lint(cmd::lint::Options),
    /// Load the programs and compare what the verifier counts with the budget
    Verify(cmd::verify::Options),
    /// Build netbridge and run its benchmark as root
    Bench(cmd::bench::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup(options) => cmd::setup::run(&options),
        Command::Build(options) => cmd::build::run(&options),
        Command::Run(options) => cmd::run::run(options),
        Command::Test(options) => return cmd::test::run(&options),
        Command::Lint(options) => cmd::lint::run(&options),
        Command::Verify(options) => cmd::verify::run(&options),
        Command::Bench(options) => cmd::bench::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            failure::exit_code(&error)
        }
    }
}
