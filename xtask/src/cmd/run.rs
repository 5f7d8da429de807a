//! `cargo xtask run`: builds netbridge and becomes it, as root.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
};

use anyhow::{Context as _, Result};

use crate::{cargo::build_netbridge, cmd::setup, root::Root};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Arguments of netbridge; without a subcommand they are those of its demo
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub(crate) fn run(options: Options) -> Result<()> {
    become_netbridge(with_subcommand(options.args))
}

/// Builds netbridge and replaces this process by it, so that it gets the signals and gives the
/// exit code.
pub(crate) fn become_netbridge(args: Vec<OsString>) -> Result<()> {
    setup::ensure()?;
    let program = build_netbridge(true)?;
    let error = Root::of_this_process()
        .command(&program, &[])?
        .args(args)
        .exec();
    Err(error).with_context(|| format!("run {}", program.display()))
}

/// Puts `demo` where the subcommand is left out.
fn with_subcommand(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    if args.first().is_none_or(is_option) {
        args.insert(0, OsStr::new("demo").to_owned());
    }
    args
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{Cli, Command};

    fn netbridge_args(line: &str) -> String {
        let Command::Run(options) = Cli::parse_from(line.split(' ')).command else {
            panic!("not run: {line}");
        };
        let args = with_subcommand(options.args);
        args.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }

    #[test]
    fn the_demo_is_run_unless_there_is_a_subcommand() {
        for (typed, expected) in [
            ("xtask run", "demo"),
            (
                "xtask run --hook xdp --mode hub",
                "demo --hook xdp --mode hub",
            ),
            ("xtask run -- --hook xdp", "demo --hook xdp"),
            ("xtask run -- demo --hook tc", "demo --hook tc"),
            ("xtask run bridge show", "bridge show"),
            ("xtask run -- exec h1 -- ping h2", "exec h1 -- ping h2"),
        ] {
            assert_eq!(netbridge_args(typed), expected, "{typed}");
        }
    }
}
