//! Which hook serves a port, and why.

use netbridge_common::info::{HOOK_TC, HOOK_XDP};

use super::BridgeError;
use crate::net::{ContainerEnd, Link, LinkKind, Links, XdpFeatures};

/// The hook that a port was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookChoice {
    /// Whichever suits the interface.
    #[default]
    Auto,
    /// TC ingress.
    Tc,
    /// Native XDP.
    Xdp,
}

/// The hook that a port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// TC ingress.
    Tc,
    /// Native XDP, and TC ingress for what XDP hands on.
    Xdp,
}

impl Hook {
    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tc => "tc",
            Self::Xdp => "xdp",
        }
    }

    pub(super) const fn to_raw(self) -> u8 {
        match self {
            Self::Tc => HOOK_TC,
            Self::Xdp => HOOK_XDP,
        }
    }

    pub(super) const fn from_raw(raw: u8) -> Self {
        if raw == HOOK_XDP { Self::Xdp } else { Self::Tc }
    }
}

/// Why a port has its hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookReason {
    /// The user said so.
    Asked = 0,
    /// A veth whose other end is a network stack: TC keeps its offloads.
    ContainerStack = 1,
    /// A veth whose other end runs XDP itself and so sends bare frames.
    SenderUsesXdp = 2,
    /// A network card whose driver has native XDP.
    NativeXdp = 3,
    /// An interface whose driver has no native XDP, or does not say.
    NoNativeXdp = 4,
    /// The bridge's own interface.
    Host = 5,
}

impl HookReason {
    pub(super) const fn from_raw(raw: u8) -> Self {
        match raw {
            1 => Self::ContainerStack,
            2 => Self::SenderUsesXdp,
            3 => Self::NativeXdp,
            4 => Self::NoNativeXdp,
            5 => Self::Host,
            _ => Self::Asked,
        }
    }

    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Asked => "as asked for",
            Self::ContainerStack => "the other end is a network stack, whose offloads TC keeps",
            Self::SenderUsesXdp => "the other end runs XDP and sends bare frames",
            Self::NativeXdp => "the driver has native XDP",
            Self::NoNativeXdp => "the driver has no native XDP",
            Self::Host => "the host's own interface",
        }
    }
}

/// Decides which hook serves `link`.
pub fn choose(
    choice: HookChoice,
    link: &Link,
    end: Option<&ContainerEnd>,
    features: Option<XdpFeatures>,
) -> Result<(Hook, HookReason), BridgeError> {
    let native = features.is_some_and(|f| f.basic() && f.redirect());
    match choice {
        HookChoice::Tc => Ok((Hook::Tc, HookReason::Asked)),
        HookChoice::Xdp if features.is_some() && !native => Err(BridgeError::BadPort {
            ifname: link.name.clone(),
            reason: format!(
                "its driver ({}) has no native XDP; use --hook tc",
                link.kind
            ),
        }),
        HookChoice::Xdp => Ok((Hook::Xdp, HookReason::Asked)),
        HookChoice::Auto if link.kind == LinkKind::Veth => {
            if end.is_some_and(runs_xdp) {
                Ok((Hook::Xdp, HookReason::SenderUsesXdp))
            } else {
                Ok((Hook::Tc, HookReason::ContainerStack))
            }
        }
        HookChoice::Auto if native && link.kind == LinkKind::Physical => {
            Ok((Hook::Xdp, HookReason::NativeXdp))
        }
        HookChoice::Auto => Ok((Hook::Tc, HookReason::NoNativeXdp)),
    }
}

/// Says whether an XDP program is attached at the container end.
fn runs_xdp(end: &ContainerEnd) -> bool {
    let look = || Ok::<_, crate::net::NetError>(Links::new()?.by_index(end.ifindex)?.xdp.is_some());
    matches!(end.netns.run(look), Ok(Ok(true)))
}
