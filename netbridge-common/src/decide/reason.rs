//! Why a frame is dropped.

/// The one reason that every dropped frame has; its number is its slot in
/// [`crate::PortCounters::drops`].
#[must_use]
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The frame has no complete Ethernet header.
    Malformed = 0,
    /// The port is not in a state in which frames pass.
    PortDisabled = 1,
    /// The destination is a group that bridges never relay, or the frame is MAC control.
    ReservedGroup = 2,
    /// The source is a group address or zero.
    InvalidSource = 3,
    /// The source is the bridge's own address, so somebody else uses it or there is a loop.
    OwnSource = 4,
    /// The destination is behind the port that the frame came from.
    SamePort = 5,
    /// The frame is larger than the egress port's MTU allows.
    TooBig = 6,
    /// The egress port is gone or not forwarding.
    EgressDown = 7,
    /// The kernel refused to hand the frame to the egress port.
    RedirectFailed = 8,
    /// The port is locked, and the FDB does not have the source there.
    Locked = 9,
    /// Both ports are isolated.
    Isolated = 10,
    /// The destination's entry says that frames for it are dropped.
    Blackhole = 11,
    /// Nobody knows where the destination is, and the bridge does not flood such frames.
    FloodOff = 12,
    /// The frame has no tag, or one without a VLAN, and the port takes no such frames.
    VlanUntagged = 13,
    /// The frame has a tag, and the port takes only frames without.
    VlanTagged = 14,
    /// The port is no member of the frame's VLAN.
    VlanNotMember = 15,
    /// The tag has VID 4095.
    VlanReserved = 16,
    /// The egress port is no member of the frame's VLAN.
    VlanEgress = 17,
    /// The port has sent more unknown unicast than its limit.
    StormUnknown = 18,
    /// The port has sent more multicast than its limit.
    StormMulticast = 19,
    /// The port has sent more broadcast than its limit.
    StormBroadcast = 20,
    /// The port has sent more than its rate.
    RateIngress = 21,
    /// More was for the port than its rate.
    RateEgress = 22,
    /// The source address is none of those bound to the port.
    SpoofedMac = 23,
    /// The IP source is none of those bound to the port.
    SpoofedIp = 24,
    /// An ARP sender, or an address that a neighbour advertisement claims, is none of those bound to the port.
    SpoofedArp = 25,
    /// A router advertisement or redirect from a port that is no router's.
    RogueRa = 26,
    /// A DHCP server's message from a port that is no server's.
    RogueDhcp = 27,
    /// The source has moved so often that its entry is held on another port.
    MovedSticky = 28,
    /// A probe of the bridge's own has come back.
    Looped = 29,
}

impl DropReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 30] = [
        Self::Malformed,
        Self::PortDisabled,
        Self::ReservedGroup,
        Self::InvalidSource,
        Self::OwnSource,
        Self::SamePort,
        Self::TooBig,
        Self::EgressDown,
        Self::RedirectFailed,
        Self::Locked,
        Self::Isolated,
        Self::Blackhole,
        Self::FloodOff,
        Self::VlanUntagged,
        Self::VlanTagged,
        Self::VlanNotMember,
        Self::VlanReserved,
        Self::VlanEgress,
        Self::StormUnknown,
        Self::StormMulticast,
        Self::StormBroadcast,
        Self::RateIngress,
        Self::RateEgress,
        Self::SpoofedMac,
        Self::SpoofedIp,
        Self::SpoofedArp,
        Self::RogueRa,
        Self::RogueDhcp,
        Self::MovedSticky,
        Self::Looped,
    ];

    /// The name that the command line, the metrics and the docs share.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::PortDisabled => "port_disabled",
            Self::ReservedGroup => "reserved_group",
            Self::InvalidSource => "invalid_source",
            Self::OwnSource => "own_source",
            Self::SamePort => "same_port",
            Self::TooBig => "too_big",
            Self::EgressDown => "egress_down",
            Self::RedirectFailed => "redirect_failed",
            Self::Locked => "locked",
            Self::Isolated => "isolated",
            Self::Blackhole => "blackhole",
            Self::FloodOff => "flood_off",
            Self::VlanUntagged => "vlan_untagged",
            Self::VlanTagged => "vlan_tagged",
            Self::VlanNotMember => "vlan_not_member",
            Self::VlanReserved => "vlan_reserved",
            Self::VlanEgress => "vlan_egress",
            Self::StormUnknown => "storm_unknown",
            Self::StormMulticast => "storm_multicast",
            Self::StormBroadcast => "storm_broadcast",
            Self::RateIngress => "rate_ingress",
            Self::RateEgress => "rate_egress",
            Self::SpoofedMac => "spoofed_mac",
            Self::SpoofedIp => "spoofed_ip",
            Self::SpoofedArp => "spoofed_arp",
            Self::RogueRa => "rogue_ra",
            Self::RogueDhcp => "rogue_dhcp",
            Self::MovedSticky => "moved_sticky",
            Self::Looped => "looped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::DROP_SLOTS;

    #[test]
    fn numbers_are_slots_and_names_are_unique() {
        let mut names = std::collections::HashSet::new();
        for (slot, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, slot);
            assert!(slot < DROP_SLOTS);
            assert!(names.insert(reason.name()));
        }
    }
}
