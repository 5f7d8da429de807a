//! Values that several commands take.

use clap::ValueEnum;
use netbridge_common::{MacAddr, Mode, PortState};

use super::UsageError;
use crate::bridge::HookChoice;

/// Which hook serves a port.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum HookArg {
    /// Whichever suits the interface: TC where the other end is a container's stack.
    #[default]
    Auto,
    /// TC ingress: offloads stay on.
    Tc,
    /// Native XDP: fastest for bare frames; the container end is prepared for it.
    Xdp,
}

impl From<HookArg> for HookChoice {
    fn from(arg: HookArg) -> Self {
        match arg {
            HookArg::Auto => Self::Auto,
            HookArg::Tc => Self::Tc,
            HookArg::Xdp => Self::Xdp,
        }
    }
}

/// How a bridge decides where frames go.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum ModeArg {
    /// Learn addresses, and forward to the port that an address is behind.
    #[default]
    Bridge,
    /// Send every frame to every other port, and learn nothing.
    Hub,
}

impl From<ModeArg> for Mode {
    fn from(arg: ModeArg) -> Self {
        match arg {
            ModeArg::Bridge => Self::Bridge,
            ModeArg::Hub => Self::Hub,
        }
    }
}

/// A switch.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum OnOff {
    /// Switched on.
    On,
    /// Switched off.
    Off,
}

impl OnOff {
    pub(super) const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// What a port may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum StateArg {
    /// Drop everything.
    Disabled,
    /// Drop everything, on the way to forwarding.
    Listening,
    /// Learn, and drop.
    Learning,
    /// Learn and forward.
    Forwarding,
    /// Drop everything, kept in reserve.
    Blocking,
}

impl From<StateArg> for PortState {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::Disabled => Self::Disabled,
            StateArg::Listening => Self::Listening,
            StateArg::Learning => Self::Learning,
            StateArg::Forwarding => Self::Forwarding,
            StateArg::Blocking => Self::Blocking,
        }
    }
}

/// Reads an Ethernet address.
pub(super) fn mac(text: &str) -> Result<MacAddr, UsageError> {
    text.parse()
        .map_err(|error| UsageError(format!("`{text}`: {error}")))
}
