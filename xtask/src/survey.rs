//! Looks for every rustc and bpf-linker that can build the eBPF programs.
//!
//! Only looks: nothing here downloads or installs.

use std::path::{Path, PathBuf};

use crate::{
    machine::{Machine, ThisMachine},
    toolchain::{Core, LINKER_VAR, Linker, Missing, RUSTC_VAR, Rustc, Toolchain, bpf_target},
};

/// Every rustc and every bpf-linker that would do, the preferred ones first.
#[derive(Debug, Default)]
pub struct Survey {
    /// The compilers.
    pub rustcs: Vec<Rustc>,
    /// The linkers.
    pub linkers: Vec<Linker>,
}

impl Survey {
    /// Looks for the compilers and linkers of this machine.
    pub fn of_this_machine() -> Result<Self, Missing> {
        Self::of(&ThisMachine)
    }

    pub(crate) fn of(machine: &impl Machine) -> Result<Self, Missing> {
        Ok(Self {
            rustcs: rustcs(machine)?,
            linkers: linkers(machine)?,
        })
    }

    /// The first rustc that has a linker to go with, and that linker.
    pub fn choose(&self) -> Result<Toolchain, Missing> {
        for rustc in &self.rustcs {
            if let Some(linker) = self.linkers.iter().find(|linker| linker.reads(rustc)) {
                return Ok(Toolchain {
                    rustc: rustc.clone(),
                    linker: linker.clone(),
                });
            }
        }
        match (self.rustcs.first(), self.linkers.first()) {
            (None, _) => Err(Missing::Rustc),
            (Some(_), None) => Err(Missing::Linker),
            (Some(rustc), Some(linker)) => Err(Missing::OldLinker {
                linker: linker.clone(),
                rustc: rustc.clone(),
            }),
        }
    }
}

/// The folder in which `cargo xtask setup` installs, which clones share and `cargo clean` leaves.
pub fn private_tools() -> Option<PathBuf> {
    tools_of(&ThisMachine)
}

fn tools_of(machine: &impl Machine) -> Option<PathBuf> {
    let home = machine.var("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&machine.var("HOME")?).join(".cargo")));
    Some(home?.join("netbridge-tools"))
}

fn rustcs(machine: &impl Machine) -> Result<Vec<Rustc>, Missing> {
    if let Some(path) = machine.var(RUSTC_VAR).map(PathBuf::from) {
        let rustc = inspect_rustc(machine, &path).ok_or(Missing::Override {
            var: RUSTC_VAR,
            path,
            why: "not a rustc with core for the BPF target, nor a nightly with rust-src",
        })?;
        return Ok(vec![rustc]);
    }
    let system = Path::new("/usr/bin/rustc");
    let mut paths = nightlies(machine);
    paths.extend(machine.on_path("rustc"));
    if !paths.iter().any(|path| path == system) && machine.is_file(system) {
        paths.push(system.to_path_buf());
    }
    Ok(paths
        .iter()
        .filter_map(|path| inspect_rustc(machine, path))
        .collect())
}

/// The nightly compilers that rustup has, the undated one first.
fn nightlies(machine: &impl Machine) -> Vec<PathBuf> {
    let rustup = Path::new("rustup");
    let Some(list) = machine.output(rustup, &["toolchain", "list"]) else {
        return Vec::new();
    };
    let mut names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("nightly"))
        .collect();
    names.sort_by_key(|name| name.starts_with("nightly-2"));
    names
        .iter()
        .filter_map(|name| machine.output(rustup, &["which", "--toolchain", name, "rustc"]))
        .map(|path| PathBuf::from(path.trim()))
        .collect()
}

/// Describes a rustc, if it can compile for the BPF target.
fn inspect_rustc(machine: &impl Machine, path: &Path) -> Option<Rustc> {
    let sysroot = PathBuf::from(machine.output(path, &["--print", "sysroot"])?.trim());
    let version = machine.output(path, &["-vV"])?;
    let rustlib = sysroot.join("lib/rustlib");
    let has_core = machine
        .entries(&rustlib.join(bpf_target()).join("lib"))
        .iter()
        .any(|name| name.to_string_lossy().starts_with("libcore-"));
    let cargo = sysroot.join("bin/cargo");
    let cargo = machine.is_file(&cargo).then_some(cargo);
    // `core` is part of the nightly whose source it is, and only a nightly cargo has build-std.
    let has_source = version.contains("-nightly")
        && cargo.is_some()
        && machine.is_file(&rustlib.join("src/rust/library/core/Cargo.toml"));
    let core = match (has_core, has_source) {
        (true, _) => Core::Prebuilt,
        (false, true) => Core::Source,
        (false, false) => return None,
    };
    Some(Rustc {
        path: path.to_path_buf(),
        cargo,
        core,
        llvm: llvm_in_text(&version),
    })
}

fn linkers(machine: &impl Machine) -> Result<Vec<Linker>, Missing> {
    if let Some(path) = machine.var(LINKER_VAR).map(PathBuf::from) {
        let linker = inspect_linker(machine, &path).ok_or(Missing::Override {
            var: LINKER_VAR,
            path,
            why: "not a bpf-linker that starts",
        })?;
        return Ok(vec![linker]);
    }
    let mut paths = machine.on_path("bpf-linker");
    paths.extend(tools_of(machine).map(|tools| tools.join("bin/bpf-linker")));
    Ok(paths
        .iter()
        .filter_map(|path| inspect_linker(machine, path))
        .collect())
}

fn inspect_linker(machine: &impl Machine, path: &Path) -> Option<Linker> {
    // The names of the libraries it needs are at the front of the file.
    const FRONT: u64 = 1 << 20;
    let version = machine.output(path, &["--version"])?;
    let llvm = llvm_in_text(&version).or_else(|| llvm_in_library_names(&machine.head(path, FRONT)));
    Some(Linker {
        path: path.to_path_buf(),
        llvm,
    })
}

/// The major version in `LLVM version: 22.1.8`, which rustc prints, or `LLVM 22.1`.
fn llvm_in_text(text: &str) -> Option<u32> {
    let rest = text.split_once("LLVM")?.1;
    let rest = rest.strip_prefix(" version").unwrap_or(rest);
    leading_number(rest.trim_start_matches([':', ' ']).as_bytes())
}

/// The major version in `libLLVM.so.22.1` or `libLLVM-22.so`, as a program needs it.
fn llvm_in_library_names(bytes: &[u8]) -> Option<u32> {
    [&b"libLLVM.so."[..], b"libLLVM-"].iter().find_map(|name| {
        let at = bytes
            .windows(name.len())
            .position(|window| window == *name)?;
        leading_number(bytes.get(at + name.len()..)?)
    })
}

fn leading_number(bytes: &[u8]) -> Option<u32> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(bytes.get(..digits)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
