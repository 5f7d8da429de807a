//! `netbridge debug`: what `cargo xtask verify` asks.

use anyhow::Result;
use clap::Subcommand;

use crate::{datapath, output};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Load every program and print what the verifier made of it, one JSON object a line.
    Verify,
}

pub(super) fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Verify => {
            for cost in datapath::program_costs()? {
                output::say(serde_json::to_string(&cost)?)?;
            }
            Ok(())
        }
    }
}
