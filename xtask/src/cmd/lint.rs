//! `cargo xtask lint`: format, clippy for the host and for the eBPF crate, documentation, tidiness.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo::{cargo, check, target_dir, workspace},
    cmd::tidy,
    failure::Lacking,
};

#[derive(clap::Args)]
pub(crate) struct Options {}

/// A check that says on stderr what it finds.
type Step = fn() -> Result<()>;

pub(crate) fn run(_options: &Options) -> Result<()> {
    need("fmt", "rustfmt")?;
    need("clippy", "clippy")?;
    let steps: [(&str, Step); 5] = [
        ("tidy", || tidy::check(&workspace()?)),
        ("format", format),
        ("clippy", clippy),
        ("clippy of netbridge-ebpf", clippy_ebpf),
        ("documentation", documentation),
    ];
    let mut failed = Vec::new();
    for (name, step) in steps {
        println!("== lint: {name}");
        if let Err(error) = step() {
            eprintln!("error: {error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("lint: failed in {}", failed.join(", "));
    }
    Ok(())
}

/// Checks for a cargo command that is a component of the toolchain.
fn need(command: &str, component: &str) -> Result<()> {
    let status = cargo()?
        .args([command, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("run cargo")?;
    if !status.success() {
        let text = format!(
            "run cargo {command}: {component} is not installed; type `rustup component add \
             {component}`"
        );
        return Err(Lacking(text).into());
    }
    Ok(())
}

fn format() -> Result<()> {
    check(cargo()?.args(["fmt", "--all", "--check"]), "check format")
}

/// A cargo command that only checks code: without the object, and in a folder of its own, so that
/// the builds around it keep theirs.
fn checking(args: &[&str]) -> Result<Command> {
    let mut cargo = cargo()?;
    cargo
        .args(args)
        .arg("--target-dir")
        .arg(target_dir()?.join("lint"))
        .env("NETBRIDGE_SKIP_EBPF", "1");
    Ok(cargo)
}

fn clippy() -> Result<()> {
    let args = [
        "clippy",
        "--workspace",
        "--exclude=netbridge-ebpf",
        "--all-targets",
        "--all-features",
    ];
    check(checking(&args)?.args(["--", "-Dwarnings"]), "lint")
}

/// By itself, since other members would switch features of the shared crates on.
fn clippy_ebpf() -> Result<()> {
    let args = [
        "clippy",
        "--package=netbridge-ebpf",
        "--package=netbridge-common",
        "--lib",
    ];
    check(checking(&args)?.args(["--", "-Dwarnings"]), "lint")
}

fn documentation() -> Result<()> {
    let members = ["doc", "--workspace", "--exclude=netbridge-ebpf"];
    let ebpf = ["doc", "--package=netbridge-ebpf", "--lib"];
    for args in [&members[..], &ebpf] {
        let mut cargo = checking(args)?;
        cargo
            .args(["--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-Dwarnings");
        check(&mut cargo, "document")?;
    }
    Ok(())
}
