//! Errors of the bridge module.

use thiserror::Error;

use crate::{datapath::DatapathError, net::NetError};

/// What can go wrong with a bridge and its ports.
#[derive(Debug, Error)]
pub enum BridgeError {
    /// The name cannot be a bridge's.
    #[error("bridge name `{name}`: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is such a bridge already.
    #[error("bridge {bridge}: exists already; remove it with `netbridge bridge del {bridge}`")]
    Exists {
        /// The bridge.
        bridge: String,
    },
    /// There is no such bridge.
    #[error("bridge {bridge}: not found; `netbridge bridge show` lists the bridges")]
    NotFound {
        /// The bridge.
        bridge: String,
    },
    /// The bridge's ports are in another network namespace.
    #[error(
        "bridge {bridge}: belongs to another network namespace; run the command in the one it was added in"
    )]
    OtherNamespace {
        /// The bridge.
        bridge: String,
    },
    /// The interface cannot be a port.
    #[error("interface {ifname}: {reason}")]
    BadPort {
        /// The interface.
        ifname: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The interface is a port of something else.
    #[error("interface {ifname}: is a port of {owner} already; {remedy}")]
    Taken {
        /// The interface.
        ifname: String,
        /// What it is a port of.
        owner: String,
        /// How to free it.
        remedy: String,
    },
    /// The interface is no port of this bridge.
    #[error(
        "interface {ifname}: is no port of bridge {bridge}; `netbridge port show {bridge}` lists its ports"
    )]
    NoSuchPort {
        /// The interface.
        ifname: String,
        /// The bridge.
        bridge: String,
    },
    /// The MTU differs from the other ports'.
    #[error(
        "interface {ifname}: its MTU is {mtu}, that of the ports of bridge {bridge} is {expected}; make them equal with `ip link set {ifname} mtu {expected}`, or allow it with `netbridge bridge set {bridge} --mixed-mtu on`"
    )]
    MtuMismatch {
        /// The interface.
        ifname: String,
        /// Its MTU.
        mtu: u32,
        /// The bridge.
        bridge: String,
        /// The MTU of the ports.
        expected: u32,
    },
    /// All port slots are used.
    #[error(
        "bridge {bridge}: has room for {max} ports and all are used; add it again with a larger --max-ports"
    )]
    Full {
        /// The bridge.
        bridge: String,
        /// Ports it has room for.
        max: u32,
    },
    /// The other end of a veth cannot be prepared for XDP.
    #[error("interface {ifname}: prepare the container end for XDP: {reason}; use --hook tc")]
    ContainerEnd {
        /// The interface.
        ifname: String,
        /// What failed.
        reason: String,
    },
    /// A setting is out of its range.
    #[error("{setting}: {reason}")]
    BadSetting {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Something about a lock file failed.
    #[error("lock {path}: {error}")]
    Lock {
        /// The lock file.
        path: String,
        /// The kernel's answer.
        error: std::io::Error,
    },
    /// The kernel side failed.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
    /// An interface or namespace failed.
    #[error(transparent)]
    Net(#[from] NetError),
}

impl BridgeError {
    /// The exit code that the command line answers with: 2 for what the user can put right in the
    /// command, 3 for privilege or kernel, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::BadName { .. }
            | Self::Exists { .. }
            | Self::NotFound { .. }
            | Self::OtherNamespace { .. }
            | Self::BadPort { .. }
            | Self::Taken { .. }
            | Self::NoSuchPort { .. }
            | Self::MtuMismatch { .. }
            | Self::BadSetting { .. }
            | Self::Net(NetError::NoSuchInterface { .. }) => 2,
            Self::Datapath(error) => error.exit_code(),
            Self::Net(error) if error.is_privilege() => 3,
            Self::Lock { error, .. } if error.kind() == std::io::ErrorKind::PermissionDenied => 3,
            Self::Full { .. } | Self::ContainerEnd { .. } | Self::Lock { .. } | Self::Net(_) => 1,
        }
    }
}
