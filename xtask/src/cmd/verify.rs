//! `cargo xtask verify`: what the kernel's verifier counts must stay within the documented budget.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{
    budget::{Verdict, judge, parse_budget, parse_costs},
    cargo::{build_netbridge, workspace},
    cmd::setup,
    root::Root,
};

const BUDGET: &str = "docs/datapath.md";

#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> Result<()> {
    setup::ensure()?;
    let program = build_netbridge(true)?;
    verify(Root::of_this_process(), &program)
}

/// Loads the programs with `netbridge`, and checks what they cost.
pub(crate) fn verify(root: Root, netbridge: &Path) -> Result<()> {
    let output = root
        .command(netbridge, &[])?
        .args(["debug", "verify", "--json"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {}", netbridge.display()))?;
    if !output.status.success() {
        bail!("load the programs: netbridge ended with {}", output.status);
    }
    let costs = parse_costs(&String::from_utf8_lossy(&output.stdout))?;
    if costs.is_empty() {
        bail!("load the programs: netbridge reported none");
    }
    let path = workspace()?.join(BUDGET);
    let text = fs::read_to_string(path).with_context(|| format!("read {BUDGET}"))?;
    let budget = parse_budget(&text).with_context(|| format!("read {BUDGET}"))?;

    println!("program          instructions      of    stack   of");
    let mut wrong = Vec::new();
    for cost in &costs {
        let (verdict, row) = judge(cost, &budget);
        println!(
            "{:<16} {:>12} {:>7} {:>8} {:>4}  {verdict}",
            cost.program,
            cost.instructions,
            row.map_or_else(|| "-".to_owned(), |row| row.instructions.to_string()),
            cost.stack,
            row.map_or_else(|| "-".to_owned(), |row| row.stack.to_string()),
        );
        if verdict != Verdict::Within {
            wrong.push(format!("{} ({verdict})", cost.program));
        }
    }
    if !wrong.is_empty() {
        bail!("verify {}: compare {BUDGET}", wrong.join(", "));
    }
    Ok(())
}
