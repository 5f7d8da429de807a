//! What userspace remembers of a port between two commands; the datapath never reads it.

/// Value of map `PORT_INFO`, by port.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// Interface name when the port was added, zero-padded.
    pub ifname: [u8; 16],
    /// Name of the container behind the port, zero-padded; empty where none was given.
    pub name: [u8; 64],
    /// Inode of the namespace that the other end of a veth is in; 0 without one.
    pub peer_netns: u64,
    /// Interface index of the other end of a veth, in its namespace; 0 without one.
    pub peer_ifindex: u32,
    /// Hook that decides about frames from this port: [`HOOK_TC`] or [`HOOK_XDP`].
    pub hook: u8,
    /// Number of the reason for that hook, userspace's own.
    pub reason: u8,
    /// What to set back when the port goes, a set of `RESTORE_*` bits.
    pub restore: u8,
    /// Zero.
    pub pad: u8,
}

/// `PortInfo::hook` of a port served at TC.
pub const HOOK_TC: u8 = 1;
/// `PortInfo::hook` of a port served at XDP, and at TC for what XDP hands on.
pub const HOOK_XDP: u8 = 2;

/// The container end's GRO was off.
pub const RESTORE_GRO: u8 = 1;
/// The container end's transmit checksum offload was on.
pub const RESTORE_TX_CHECKSUM: u8 = 1 << 1;
/// The container end's VLAN insertion offload was on.
pub const RESTORE_TX_VLAN: u8 = 1 << 2;
/// The container end's VLAN stripping offload was on.
pub const RESTORE_RX_VLAN: u8 = 1 << 3;
/// The port itself was not promiscuous.
pub const RESTORE_PROMISC: u8 = 1 << 4;
/// The container end's TSO was on.
pub const RESTORE_TSO: u8 = 1 << 5;

impl Default for PortInfo {
    fn default() -> Self {
        Self {
            ifname: [0; 16],
            name: [0; 64],
            peer_netns: 0,
            peer_ifindex: 0,
            hook: 0,
            reason: 0,
            restore: 0,
            pad: 0,
        }
    }
}
