//! Errors of the firewall.

use std::io;

use thiserror::Error;

use crate::net::NetError;

/// What can go wrong with the firewall of container networks.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FirewallError {
    /// A program is not installed.
    #[error("set up the firewall: needs the program {program}; install the package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// What Debian, Fedora and the others call its package.
        package: &'static str,
    },
    /// The caller may not change the firewall.
    #[error(
        "set up the firewall: {program} was not permitted; run as root, or with CAP_NET_ADMIN in this network namespace"
    )]
    Privilege {
        /// The program that was refused.
        program: &'static str,
    },
    /// A program could not be run.
    #[error("run {program}: {source}")]
    Run {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// `nft` refused; nothing was changed.
    #[error("{action}: nft says: {message}; the table is as it was")]
    Nft {
        /// What was attempted.
        action: &'static str,
        /// Its own words, in one line.
        message: String,
    },
    /// The answer of `nft` is not what its JSON should be.
    #[error("read the answer of nft: {reason}; needs nftables 1.0 or later")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// `iptables` or its like refused; its rules are as they were.
    #[error(
        "{action}: {program} says: {message}; no rule of it was changed, so look at `{listing}` and run the command again"
    )]
    Iptables {
        /// What was attempted.
        action: &'static str,
        /// The program.
        program: &'static str,
        /// Its own words, in one line.
        message: String,
        /// The command that shows the rules in question.
        listing: &'static str,
    },
    /// The name cannot be that of an interface in a rule.
    #[error(
        "network interface `{ifname}`: no name for a rule; 1 to 15 letters, digits, `-`, `_` and `.` are"
    )]
    BadInterface {
        /// The name.
        ifname: String,
    },
    /// Two networks have the same interface.
    #[error("network interface {ifname}: belongs to two networks; give each its own")]
    SameInterface {
        /// The interface.
        ifname: String,
    },
    /// A port cannot be published as wanted.
    #[error("publish {published}: {reason}")]
    BadPublished {
        /// The port on the host.
        published: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kernel parameter could not be set.
    #[error("set {parameter} to {value}: {source}")]
    Parameter {
        /// The parameter, as `sysctl` names it.
        parameter: String,
        /// The value wanted.
        value: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The interfaces could not be listed.
    #[error(transparent)]
    Net(#[from] NetError),
}

impl FirewallError {
    /// The exit code that the command line answers with: 2 for what the user can put right in the
    /// command, 3 for a privilege or a program that is not there, else 1.
    pub fn exit_code(&self) -> u8 {
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        match self {
            Self::BadInterface { .. } | Self::SameInterface { .. } | Self::BadPublished { .. } => 2,
            Self::Missing { .. } | Self::Privilege { .. } => 3,
            Self::Run { source, .. } | Self::Parameter { source, .. } if denied(source) => 3,
            Self::Net(error) if error.is_privilege() => 3,
            Self::Run { .. }
            | Self::Parameter { .. }
            | Self::Nft { .. }
            | Self::Answer { .. }
            | Self::Iptables { .. }
            | Self::Net(_) => 1,
        }
    }
}
