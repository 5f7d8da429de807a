//! Names and sizes of maps and programs, as userspace and the kernel know them.
//!
//! The kernel cuts object names at 15 octets; these are no longer.

/// Names of the maps.
pub mod name {
    /// One [`crate::Settings`].
    pub const SETTINGS: &str = "SETTINGS";
    /// [`crate::PortConf`] by port.
    pub const PORT_CONF: &str = "PORT_CONF";
    /// [`crate::PortInfo`] by port; made and used by userspace alone.
    pub const PORT_INFO: &str = "PORT_INFO";
    /// Port by interface index.
    pub const PORT_IDS: &str = "PORT_IDS";
    /// [`crate::PortCounters`] by port, per CPU.
    pub const PORT_COUNTERS: &str = "PORT_COUNTERS";
    /// [`crate::FdbEntry`] by [`crate::FdbKey`].
    pub const FDB: &str = "FDB";
    /// Addresses learned by port, counted by the datapath; the bridge's sum in slot 0.
    pub const LEARNED: &str = "LEARNED";
    /// Addresses removed again by port, counted by userspace; the bridge's sum in slot 0.
    pub const UNLEARNED: &str = "UNLEARNED";
    /// Two lists of ports to flood to, of which `Settings::flood_list` names the one in use.
    pub const FLOOD_PORTS: &str = "FLOOD_PORTS";
    /// Interface by port, for XDP unicast.
    pub const XDP_PORTS: &str = "XDP_PORTS";
    /// One devmap of all ports, for XDP floods.
    pub const XDP_FLOOD: &str = "XDP_FLOOD";
    /// [`crate::FlowSet`] by slot, per CPU.
    pub const FLOWS: &str = "FLOWS";
    /// One count of moves.
    pub const MOVES: &str = "MOVES";
    /// [`crate::PortVlans`] by port.
    pub const PORT_VLANS: &str = "PORT_VLANS";
    /// [`crate::VlanCounters`] by VID, per CPU.
    pub const VLAN_COUNTERS: &str = "VLAN_COUNTERS";
    /// [`crate::VlanMirror`] by VID.
    pub const VLAN_MIRRORS: &str = "VLAN_MIRRORS";
    /// [`crate::Binding`] by [`crate::BindingKey`].
    pub const BINDINGS: &str = "BINDINGS";
    /// [`crate::PortLimits`] by port.
    pub const LIMITS: &str = "LIMITS";
    /// [`crate::PortMeters`] by port.
    pub const METERS: &str = "METERS";
    /// One [`crate::decide::guard::Scratch`] per CPU.
    pub const SCRATCH: &str = "SCRATCH";
    /// [`crate::MdbEntry`] by [`crate::MdbKey`].
    pub const MDB: &str = "MDB";
    /// Groups learned by port, counted by the datapath; in slot 0 the tick in which `MDB` was last full.
    /// Behind them, by port, those that userspace removed.
    pub const MDB_COUNTS: &str = "MDB_COUNTS";
    /// Room for one key, per CPU.
    pub const MDB_SCRATCH: &str = "MDB_SCRATCH";
    /// Room for a question for a neighbour and its answer.
    pub const PROXY_SCRATCH: &str = "PROXY_SCRATCH";
    /// Ring buffer of [`crate::Event`].
    pub const EVENTS: &str = "EVENTS";
    /// One [`crate::EventBudget`] per CPU.
    pub const EVENT_BUDGET: &str = "EVENT_BUDGET";

    /// All of them.
    pub const ALL: [&str; 26] = [
        SETTINGS,
        PORT_CONF,
        PORT_INFO,
        PORT_IDS,
        PORT_COUNTERS,
        FDB,
        LEARNED,
        UNLEARNED,
        FLOOD_PORTS,
        XDP_PORTS,
        XDP_FLOOD,
        FLOWS,
        MOVES,
        PORT_VLANS,
        VLAN_COUNTERS,
        VLAN_MIRRORS,
        BINDINGS,
        LIMITS,
        METERS,
        SCRATCH,
        MDB,
        MDB_COUNTS,
        MDB_SCRATCH,
        PROXY_SCRATCH,
        EVENTS,
        EVENT_BUDGET,
    ];
}

/// Names of the programs.
pub mod program {
    /// Decides at TC ingress.
    pub const TC_INGRESS: &str = "tc_ingress";
    /// Decides at XDP.
    pub const XDP_INGRESS: &str = "xdp_ingress";
    /// Checks and counts each copy of an XDP flood on its way out of a port.
    pub const XDP_EGRESS: &str = "xdp_egress";
}

/// Slots for ports in the object; userspace may ask for others at load.
pub const DEFAULT_PORT_SLOTS: u32 = 2048;

/// FDB entries in the object; userspace may ask for others at load.
pub const DEFAULT_FDB_ENTRIES: u32 = 65_536;

/// Addresses that can be bound to ports.
pub const DEFAULT_BINDINGS: u32 = 8192;

/// Entries of the multicast database.
pub const MDB_ENTRIES: u32 = 8192;

/// Octets of the event ring, a power of two and of the page size.
pub const EVENT_RING_BYTES: u32 = 256 * 1024;
