//! `cargo xtask build`: netbridge, after the toolchain it takes.

use anyhow::Result;

use crate::{cargo::build_netbridge, cmd::setup};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build optimised, which is the default
    #[arg(long, conflicts_with = "dev")]
    release: bool,
    /// Build with the dev profile
    #[arg(long)]
    dev: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let program = build_netbridge(options.release || !options.dev)?;
    println!("{}", program.display());
    Ok(())
}
