//! `cargo xtask setup`: gets the compiler and the linker for the eBPF programs where apt has them.
//!
//! Says first what it will do. The linker goes to a folder of netbridge's own, so that nothing the
//! user installed is changed.

use std::{
    env,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use xtask::{Missing, Survey, Toolchain, private_tools};

use crate::{
    cargo::{cargo, check},
    cmd::{apt::Apt, docker, vm},
    failure::Lacking,
    root::{has_program, is_root},
};

/// Debian's rustc for its browsers, with `core` for BPF.
const COMPILER: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];
const LINKER: &str = "bpf-linker@0.13.0";
/// That compiler's LLVM.
const PACKAGED_LLVM: u32 = 22;
/// The LLVM versions that this bpf-linker can be built with.
const LLVM: std::ops::RangeInclusive<u32> = 21..=23;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Get what compares VLANs with another kernel's as well: qemu, and a kernel in target/vm
    #[arg(long)]
    vm: bool,
    /// Get what tests with a Docker engine need as well: docker.io, iptables, nftables, busybox
    #[arg(long)]
    docker: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match Toolchain::detect() {
        Ok(toolchain) => println!("eBPF toolchain: {toolchain}; nothing to install"),
        Err(missing) => install(&missing, options.yes)?,
    }
    if options.vm {
        vm::ensure(true)?;
    }
    if options.docker {
        docker::ensure(true)?;
    }
    Ok(())
}

/// Sets up what is missing, and says nothing if that is nothing.
pub(crate) fn ensure() -> Result<()> {
    match Toolchain::detect() {
        Ok(_) => Ok(()),
        Err(missing) => install(&missing, false),
    }
}

fn install(missing: &Missing, yes: bool) -> Result<()> {
    if matches!(missing, Missing::Override { .. }) {
        return Err(missing.clone().into());
    }
    if !has_program("apt-get") || !(is_root() || has_program("sudo")) {
        return Err(Lacking(missing.explain()).into());
    }
    let tools = private_tools();
    let tools = tools.context("install bpf-linker: neither CARGO_HOME nor HOME is set")?;
    let survey = Survey::of_this_machine()?;
    announce(&survey, &tools);
    if !yes && !agreed()? {
        return Err(Lacking(missing.explain()).into());
    }

    let mut apt = Apt::default();
    if matching_llvm(&survey, &mut apt)?.is_none() {
        if !survey.rustcs.is_empty() {
            let packages = COMPILER.join(" ");
            println!("apt has no LLVM for the compilers that are here: {packages} as well");
        }
        apt.install(&COMPILER).with_context(|| missing.explain())?;
    }
    let survey = Survey::of_this_machine()?;
    if survey.choose().is_err() {
        let llvm = matching_llvm(&survey, &mut apt)?;
        let llvm = llvm.ok_or_else(|| Lacking(missing.explain()))?;
        apt.install(&[&llvm_package(llvm)])?;
        install_linker(llvm, &tools)?;
    }
    let toolchain = Toolchain::detect()?;
    println!("eBPF toolchain: {toolchain}; installed");
    Ok(())
}

fn announce(survey: &Survey, tools: &Path) {
    let sudo = if is_root() { "" } else { "sudo " };
    println!("netbridge's eBPF programs need tools that this machine lacks; this installs:");
    if survey.rustcs.is_empty() {
        let packages = COMPILER.join(" ");
        println!("  a compiler with core for BPF: {sudo}apt-get install {packages}");
    }
    let old = matches!(survey.choose(), Err(Missing::OldLinker { .. }));
    if old || survey.linkers.is_empty() {
        let llvm = survey.rustcs.first().and_then(|rustc| rustc.llvm);
        let package = llvm_package(llvm.unwrap_or(PACKAGED_LLVM));
        println!("  the LLVM of the compiler, for the linker: {sudo}apt-get install {package}");
        println!(
            "  {LINKER}, built with it (1 minute): into {}",
            tools.display()
        );
    }
}

/// Asks, if there is somebody to ask.
fn agreed() -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    print!("proceed? [y/N] ");
    io::stdout().flush().context("ask")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("ask")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The oldest LLVM of apt's whose linker reads what a compiler of the survey writes.
fn matching_llvm(survey: &Survey, apt: &mut Apt) -> Result<Option<u32>> {
    for rustc in &survey.rustcs {
        let oldest = rustc.llvm.unwrap_or(*LLVM.start()).max(*LLVM.start());
        for llvm in oldest..=*LLVM.end() {
            if apt.has(&llvm_package(llvm))? {
                return Ok(Some(llvm));
            }
        }
    }
    Ok(None)
}

fn llvm_package(llvm: u32) -> String {
    format!("llvm-{llvm}-dev")
}

fn install_linker(llvm: u32, tools: &Path) -> Result<()> {
    let prefix = PathBuf::from(format!("/usr/lib/llvm-{llvm}"));
    if !prefix.join("bin/llvm-config").exists() {
        bail!("use LLVM {llvm}: {} has no llvm-config", prefix.display());
    }
    let mut cargo = cargo()?;
    // Else cargo advises to add the folder to PATH, which nobody has to.
    let mut path = vec![tools.join("bin")];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    cargo.env("PATH", env::join_paths(path).context("set PATH")?);
    // Whatever the user sets for his own programs must not go into this one.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_BUILD")
            || text.contains("RUSTFLAGS")
            || text.starts_with("LLVM_")
        {
            cargo.env_remove(&name);
        }
    }
    cargo
        .env_remove("CARGO_TARGET_DIR")
        .env("LLVM_PREFIX", prefix)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .args(["install", LINKER, "--locked", "--force"])
        .args(["--no-default-features", "--features"])
        .arg(format!("llvm-{llvm}"))
        .arg("--root")
        .arg(tools);
    check(&mut cargo, "install bpf-linker")
}
