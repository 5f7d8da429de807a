//! Values that several commands take.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use netbridge_common::{
    MacAddr, Mode, PortState,
    vlan::{AcceptFrames, VID_NONE},
};

use super::UsageError;
use crate::{
    bridge::{HookChoice, VIDS, VlanProtocol},
    datapath::PinDir,
    network::{self, Driver, Networks},
};

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

/// Which frames a port takes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum AcceptArg {
    /// All.
    All,
    /// Those with a tag that names a VLAN.
    Tagged,
    /// Those without.
    Untagged,
}

impl From<AcceptArg> for AcceptFrames {
    fn from(arg: AcceptArg) -> Self {
        match arg {
            AcceptArg::All => Self::All,
            AcceptArg::Tagged => Self::Tagged,
            AcceptArg::Untagged => Self::Untagged,
        }
    }
}

/// The kind of tag that names VLANs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum VlanProtocolArg {
    /// Customer tags, 0x8100.
    #[value(name = "802.1Q", alias = "802.1q")]
    Customer,
    /// Service tags, 0x88a8.
    #[value(name = "802.1ad")]
    Service,
}

impl From<VlanProtocolArg> for VlanProtocol {
    fn from(arg: VlanProtocolArg) -> Self {
        match arg {
            VlanProtocolArg::Customer => Self::Customer,
            VlanProtocolArg::Service => Self::Service,
        }
    }
}

/// The bridge that a name means: of that name, or of the network of that name.
pub(super) fn bridge(name: &str) -> String {
    if PinDir::named(name).exists() {
        return name.to_owned();
    }
    let networks = Networks::look().unwrap_or_default();
    let network = network::find(&networks, name).ok();
    let bridge = network.filter(|network| network.driver == Driver::Bridge);
    bridge.map_or_else(|| name.to_owned(), |network| network.ifname.clone())
}

/// Reads VIDs: one, or the first and the last of a range.
pub(super) fn vids(text: &str) -> Result<RangeInclusive<u16>, UsageError> {
    let bad = || {
        UsageError(format!(
            "vlan `{text}`: no VID or range; write it as 10 or 10-20"
        ))
    };
    let number = |text: &str| text.parse::<u16>().map_err(|_error| bad());
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(number(first)?..=number(last)?)
}

/// Reads a PVID; 0 for `none`.
pub(super) fn pvid(text: &str) -> Result<u16, String> {
    match (text, text.parse()) {
        ("none", _) => Ok(VID_NONE),
        (_, Ok(vid)) if VIDS.contains(&vid) => Ok(vid),
        _ => Err("no VID; give 1 to 4094, or none".to_owned()),
    }
}

/// Reads a mask of bits, hexadecimal with 0x before it.
pub(super) fn mask(text: &str) -> Result<u16, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_error| "no mask of 16 bits; write it as 0x4000".to_owned())
}

/// Reads an Ethernet address.
pub(super) fn mac(text: &str) -> Result<MacAddr, UsageError> {
    text.parse()
        .map_err(|error| UsageError(format!("`{text}`: {error}")))
}
