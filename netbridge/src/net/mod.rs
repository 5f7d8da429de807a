//! Interfaces and network namespaces: what the bridge asks of the kernel besides BPF.
//!
//! Everything here blocks for the time of one system call, save [`monitor`], and nothing here
//! knows about bridges made of eBPF. Every handle works in the namespace of the thread that made
//! it; [`Netns::run`] gives a thread in another one.

use std::{fmt, io, path::PathBuf};

use nix::errno::Errno;

mod address;
mod create;
pub mod ethtool;
mod generic;
mod link;
mod links;
pub mod monitor;
pub mod netns;
pub mod packet;
pub mod peer;
mod socket;
pub mod sysctl;
pub mod xdp_features;

pub use self::{
    address::Route,
    create::{BridgeOptions, MacvlanSpec, VethSpec},
    link::{Link, LinkKind, Peer, XdpAttached, XdpMode},
    links::Links,
    netns::Netns,
    peer::ContainerEnd,
    xdp_features::XdpFeatures,
};

/// What can go wrong with an interface or a network namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// No interface has this name.
    #[error("interface {name}: not found in this network namespace (list them with `ip link`)")]
    NoSuchInterface {
        /// The name asked for.
        name: String,
    },
    /// No interface has this index.
    #[error(
        "interface with index {ifindex}: not found in this network namespace \
         (list them with `ip link`)"
    )]
    NoSuchIndex {
        /// The index asked for.
        ifindex: u32,
    },
    /// The kernel refused an operation.
    #[error("{action}: {refusal}")]
    Refused {
        /// What was attempted on what, such as `set mtu of veth0`.
        action: String,
        /// The answer.
        refusal: Refusal,
    },
    /// The kernel accepted an offload setting, and the driver did not follow.
    #[error("set {feature} {} on {name}: the driver kept it {}", on_off(*.wanted), on_off(!*.wanted))]
    OffloadNotTaken {
        /// The offload, as the `ethtool` program names it.
        feature: &'static str,
        /// The interface.
        name: String,
        /// What was asked for.
        wanted: bool,
    },
    /// The file exists but is no network namespace.
    #[error("open {}: not a network namespace", .path.display())]
    NotANamespace {
        /// The file.
        path: PathBuf,
    },
    /// The namespace with the other end of a veth pair is held by nothing this process can see.
    #[error(
        "find the container end of {name}: its network namespace (nsid {nsid}) belongs to no \
         process and no file visible here (run in the PID namespace of the host)"
    )]
    PeerNotFound {
        /// The near end.
        name: String,
        /// The kernel's id of the far end's namespace, as `ip -d link` shows it.
        nsid: i32,
    },
}

impl NetError {
    /// The error number behind a [`NetError::Refused`].
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.errno),
            _ => None,
        }
    }

    /// Says whether the caller lacks a privilege.
    pub fn is_privilege(&self) -> bool {
        matches!(self.errno(), Some(Errno::EPERM | Errno::EACCES))
    }

    fn refused(action: impl Into<String>, refusal: impl Into<Refusal>) -> Self {
        Self::Refused {
            action: action.into(),
            refusal: refusal.into(),
        }
    }
}

/// An error number and, where netlink gave one, the kernel's own explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: Errno,
    /// The extended acknowledgement (`NLMSGERR_ATTR_MSG`).
    pub message: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.errno as i32;
        let text = io::Error::from_raw_os_error(number).to_string();
        let text = text
            .strip_suffix(&format!(" (os error {number})"))
            .unwrap_or(&text);
        f.write_str(&uncapitalised(text))?;
        match &self.message {
            Some(message) => write!(f, " ({})", uncapitalised(message)),
            None => Ok(()),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self {
            errno,
            message: None,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Errno::from_raw(number).into(),
            None => Self {
                errno: Errno::EIO,
                message: Some(error.to_string()),
            },
        }
    }
}

/// `text` with a small first letter, unless the first word is an acronym such as `MTU`.
fn uncapitalised(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_as_one_lower_case_line() {
        let mut refusal = Refusal::from(Errno::EINVAL);
        assert_eq!(refusal.to_string(), "invalid argument");
        refusal.message = Some("Peer MTU is too large".to_owned());
        assert_eq!(
            refusal.to_string(),
            "invalid argument (peer MTU is too large)"
        );
        refusal.message = Some("MTU below minimum.".to_owned());
        assert_eq!(refusal.to_string(), "invalid argument (MTU below minimum)");
        // nix has its own, longer words for this one.
        assert_eq!(
            Refusal::from(Errno::EOPNOTSUPP).to_string(),
            "operation not supported"
        );
    }

    #[test]
    fn an_offload_error_tells_both_states() {
        let error = NetError::OffloadNotTaken {
            feature: "gro",
            name: "eth0".to_owned(),
            wanted: false,
        };
        assert_eq!(
            error.to_string(),
            "set gro off on eth0: the driver kept it on"
        );
    }
}
