//! A rustc and a bpf-linker for the eBPF programs, and what to type when they are missing.
//!
//! The two go together when the linker's LLVM can read what the rustc's LLVM writes.

use std::{fmt, path::PathBuf};

use crate::survey::Survey;

/// The variable that names the rustc for the eBPF programs.
pub const RUSTC_VAR: &str = "NETBRIDGE_BPF_RUSTC";
/// The variable that names the bpf-linker.
pub const LINKER_VAR: &str = "NETBRIDGE_BPF_LINKER";

const INSTALL_RUSTC: &str = "on Debian or Ubuntu type `apt-get install --no-install-recommends \
    rustc-web libstd-rust-web-dev-bpf`, elsewhere `rustup toolchain install nightly --component \
    rust-src`";
const INSTALL_LINKER: &str = "on Debian or Ubuntu type `apt-get install --no-install-recommends \
    llvm-22-dev` and `LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker@0.13.0 \
    --no-default-features --features llvm-22`, elsewhere `cargo install bpf-linker`";

/// Where a rustc takes `core` for the BPF target from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// It comes compiled with the rustc.
    Prebuilt,
    /// It is built from the source that the nightly's `rust-src` component brings.
    Source,
}

/// A rustc that can compile for the BPF target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The program.
    pub path: PathBuf,
    /// The cargo of the same toolchain, where it has one.
    pub cargo: Option<PathBuf>,
    /// Where its `core` comes from.
    pub core: Core,
    /// The major version of its LLVM, where it tells.
    pub llvm: Option<u32>,
}

/// A bpf-linker that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linker {
    /// The program.
    pub path: PathBuf,
    /// The major version of its LLVM, where it can be seen.
    pub llvm: Option<u32>,
}

impl Linker {
    /// Whether this linker can read what `rustc` writes; in doubt, yes.
    pub fn reads(&self, rustc: &Rustc) -> bool {
        match (self.llvm, rustc.llvm) {
            (Some(own), Some(theirs)) => own >= theirs,
            _ => true,
        }
    }
}

/// A rustc and a bpf-linker that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: Rustc,
    /// The linker.
    pub linker: Linker,
}

impl Toolchain {
    /// The toolchain that this machine has for eBPF programs.
    pub fn detect() -> Result<Self, Missing> {
        Survey::of_this_machine()?.choose()
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = match self.rustc.core {
            Core::Prebuilt => "prebuilt core",
            Core::Source => "core from rust-src",
        };
        let (rustc, linker) = (self.rustc.path.display(), self.linker.path.display());
        write!(f, "{rustc} ({core}) and {linker}")
    }
}

/// Why there is no toolchain for eBPF programs, and what to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// No rustc has `core` for the BPF target.
    Rustc,
    /// There is no bpf-linker.
    Linker,
    /// Every bpf-linker has an older LLVM than every rustc.
    OldLinker {
        /// The linker found first.
        linker: Linker,
        /// The rustc found first.
        rustc: Rustc,
    },
    /// A variable names a program that does not do.
    Override {
        /// The variable.
        var: &'static str,
        /// What it names.
        path: PathBuf,
        /// What is wrong with that.
        why: &'static str,
    },
}

impl Missing {
    /// What is missing and the commands that bring it, without those of netbridge's own.
    pub fn explain(&self) -> String {
        match self {
            Self::Rustc => format!(
                "find a rustc with core for {}: none is installed; {INSTALL_RUSTC}",
                bpf_target()
            ),
            Self::Linker => format!("find bpf-linker: not installed; {INSTALL_LINKER}"),
            Self::OldLinker { linker, rustc } => format!(
                "use {}: its LLVM {} is older than LLVM {} of {}; {INSTALL_LINKER}",
                linker.path.display(),
                linker.llvm.unwrap_or_default(),
                rustc.llvm.unwrap_or_default(),
                rustc.path.display(),
            ),
            Self::Override { var, path, why } => {
                format!("use {var}={}: {why}; correct or unset it", path.display())
            }
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())?;
        if matches!(self, Self::Override { .. }) {
            return Ok(());
        }
        f.write_str(", or run `cargo xtask setup`")
    }
}

impl std::error::Error for Missing {}

/// The BPF target whose byte order is that of the machine netbridge is built for.
pub fn bpf_target() -> &'static str {
    let big = std::env::var_os("CARGO_CFG_TARGET_ENDIAN")
        .map_or(cfg!(target_endian = "big"), |endian| endian == "big");
    if big {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    }
}
