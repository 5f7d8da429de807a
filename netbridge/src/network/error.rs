//! Errors of networks.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{bridge::BridgeError, net::NetError};

/// What can go wrong with a network.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// There is no such network.
    #[error("network {name}: not found; `netbridge network ls` lists the networks")]
    NotFound {
        /// What was asked for.
        name: String,
    },
    /// There is such a network already.
    #[error("network {name}: exists already; remove it with `netbridge network rm {name}`")]
    Exists {
        /// The network.
        name: String,
    },
    /// The network cannot do or have this.
    #[error("network {name}: {reason}")]
    Bad {
        /// The network.
        name: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The container cannot be found, or cannot be on the network.
    #[error("container {name}: {reason}")]
    Container {
        /// The container.
        name: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// All addresses are taken.
    #[error(
        "network {name}: no address of {subnet} is free; disconnect a container, or make a network with a larger subnet"
    )]
    Exhausted {
        /// The network.
        name: String,
        /// The subnet or range.
        subnet: String,
    },
    /// A port of the host cannot be published.
    #[error("publish {what}: {reason}")]
    Publish {
        /// The publication, as it was given.
        what: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A file of the state says what it cannot.
    #[error("{}: {reason}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What sort of failure it is.
        kind: io::ErrorKind,
        /// The kernel's answer.
        reason: String,
    },
    /// A program failed that is needed.
    #[error("{what}: {reason}")]
    Program {
        /// What it was to do.
        what: String,
        /// What it said.
        reason: String,
    },
    /// A command of `network run` cannot be run.
    #[error("run {program}: {reason}")]
    Command {
        /// The command.
        program: String,
        /// Why not.
        reason: String,
        /// What shells answer then.
        code: u8,
    },
    /// The firewall failed.
    #[error(transparent)]
    Firewall(#[from] crate::firewall::FirewallError),
    /// The bridge failed.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// An interface or namespace failed.
    #[error(transparent)]
    Net(#[from] NetError),
}

impl NetworkError {
    /// The exit code that the command line answers with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Bad { .. }
            | Self::Container { .. }
            | Self::Publish { .. }
            | Self::Net(NetError::NoSuchInterface { .. }) => 2,
            Self::File {
                kind: io::ErrorKind::PermissionDenied,
                ..
            } => 3,
            Self::Command { code, .. } => *code,
            Self::Firewall(error) => error.exit_code(),
            Self::Bridge(error) => error.exit_code(),
            Self::Net(error) if error.is_privilege() => 3,
            Self::Exhausted { .. }
            | Self::State { .. }
            | Self::File { .. }
            | Self::Program { .. }
            | Self::Net(_) => 1,
        }
    }
}
