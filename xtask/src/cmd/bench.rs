//! `cargo xtask bench`: builds netbridge and becomes its benchmark, as root.

use std::ffi::{OsStr, OsString};

use anyhow::Result;

use crate::cmd::run::become_netbridge;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Arguments of `netbridge bench`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub(crate) fn run(options: Options) -> Result<()> {
    let mut args = options.args;
    args.insert(0, OsStr::new("bench").to_owned());
    become_netbridge(args)
}
