//! Errors of the datapath module.

use std::{io, path::PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::net::Refusal;

/// What can go wrong between userspace and the kernel's BPF subsystem.
#[derive(Debug, Error)]
pub enum DatapathError {
    /// The binary was built without its object.
    #[error(
        "this binary holds no eBPF object (built with NETBRIDGE_SKIP_EBPF); build it again without that variable"
    )]
    NoObject,
    /// The caller may not use bpf(2).
    #[error(
        "{what}: permission denied; run as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN"
    )]
    Privilege {
        /// What was tried.
        what: String,
    },
    /// The kernel lacks something that netbridge cannot do without.
    #[error(
        "kernel {release} lacks {feature}; netbridge needs Linux 6.6 or newer with BPF, XDP and BTF"
    )]
    Feature {
        /// The running kernel's release.
        release: String,
        /// What is missing.
        feature: &'static str,
    },
    /// The kernel's verifier or loader refused a program.
    #[error("load program {program}: {reason}")]
    Load {
        /// The program.
        program: &'static str,
        /// The kernel's error and the end of the verifier's log.
        reason: String,
    },
    /// A pinned object is missing or of another kind.
    #[error("{}: {reason}; remove the bridge with `netbridge bridge del {bridge}` and add it again", path.display())]
    Pin {
        /// The pin.
        path: PathBuf,
        /// The bridge it belongs to.
        bridge: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The pins are those of another version of netbridge.
    #[error(
        "bridge {bridge}: its pins are of layout {found}, this netbridge uses layout {expected}; remove it with `netbridge bridge del {bridge}` and add it again, or use the netbridge that made it"
    )]
    Version {
        /// The bridge.
        bridge: String,
        /// The version found.
        found: u32,
        /// This program's version.
        expected: u32,
    },
    /// A map operation failed.
    #[error("{op} map {map}: {}", plain(source))]
    Map {
        /// Name of the map.
        map: &'static str,
        /// What was tried.
        op: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A map has no room left.
    #[error("map {map} is full ({entries} entries); {remedy}")]
    Full {
        /// Name of the map.
        map: &'static str,
        /// Its capacity.
        entries: u32,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A program could not be attached.
    #[error("attach {program} to {ifname}: {reason}")]
    Attach {
        /// The program.
        program: &'static str,
        /// The interface.
        ifname: String,
        /// The kernel's answer and what to do about it.
        reason: String,
    },
    /// bpffs could not be used.
    #[error("{op} {}: {}", path.display(), plain(source))]
    Bpffs {
        /// What was tried.
        op: &'static str,
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl DatapathError {
    /// The exit code that the command line answers with: 3 for privilege or kernel, else 1.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Privilege { .. } | Self::Feature { .. } => 3,
            _ => 1,
        }
    }
}

/// The kernel's words for an error, without Rust's: `no such file or directory`.
pub(super) fn plain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(errno) => Refusal::from(Errno::from_raw(errno)).to_string(),
        None => error.to_string(),
    }
}
