//! Every map: what it holds, who writes it, who reads it.
//!
//! Capacities here are defaults that the loader may override; see `netbridge_common::maps`.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    btf_maps::{Array, ArrayOfMaps, DevMap, HashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use netbridge_common::{
    Binding, BindingKey, Event, EventBudget, FdbEntry, FdbKey, FlowSet, MdbEntry, MdbKey, PortConf,
    PortCounters, PortLimits, PortMeters, PortVlans, Settings, VlanCounters, VlanMirror,
    decide::{guard, proxy},
    flow::FLOW_SETS,
    maps::{
        DEFAULT_BINDINGS, DEFAULT_FDB_ENTRIES, DEFAULT_PORT_SLOTS, EVENT_RING_BYTES, MDB_ENTRIES,
    },
    vlan::VIDS,
};

use crate::mdb;

const PORTS: usize = DEFAULT_PORT_SLOTS as usize;
/// Two flood lists, so that one can be rewritten while the other is in use.
const FLOOD_SLOTS: usize = PORTS.wrapping_mul(2);
/// Ports in the first XDP flood map; userspace replaces it by a larger one as ports are added.
const FLOOD_PORTS_AT_FIRST: usize = 4;

/// The bridge's settings. Written by userspace.
#[btf_map]
pub static SETTINGS: Array<Settings, 1> = Array::new();

/// Configuration by port. Written by userspace.
#[btf_map]
pub static PORT_CONF: Array<PortConf, PORTS> = Array::new();

/// Port by interface index. Written by userspace.
#[btf_map]
pub static PORT_IDS: HashMap<u32, u32, PORTS> = HashMap::new();

/// Counters by port and CPU. Written by the programs; slot 0 takes drops without a port.
#[btf_map]
pub static PORT_COUNTERS: PerCpuArray<PortCounters, PORTS> = PerCpuArray::new();

/// Where stations are. Written by the programs (learning) and by userspace (operators, sweep).
#[btf_map]
pub static FDB: HashMap<FdbKey, FdbEntry, { DEFAULT_FDB_ENTRIES as usize }> = HashMap::new();

/// Addresses learned, by port, net of moves; the bridge's in slot 0. Added to by the programs.
#[btf_map]
pub static LEARNED: Array<u64, PORTS> = Array::new();

/// Learned addresses that userspace removed again, by port; the bridge's in slot 0.
#[btf_map]
pub static UNLEARNED: Array<u64, PORTS> = Array::new();

/// Ports that floods go to. Written by userspace.
#[btf_map]
pub static FLOOD_PORTS: Array<u32, FLOOD_SLOTS> = Array::new();

/// Interface by port for XDP unicast. Written by userspace; the kernel removes dead interfaces.
#[btf_map]
pub static XDP_PORTS: DevMap<PORTS> = DevMap::new();

/// In slot 0 the devmap that XDP floods go to, each entry with the program `xdp_egress`. Written by
/// userspace, which makes it as small as the ports allow: a broadcast walks all its slots.
#[btf_map]
pub static XDP_FLOOD: ArrayOfMaps<DevMap<FLOOD_PORTS_AT_FIRST>, 1> = ArrayOfMaps::new();

/// Verdicts of this tick, by flow and CPU. Written and read by the programs.
#[btf_map]
pub static FLOWS: PerCpuArray<FlowSet, { FLOW_SETS as usize }> = PerCpuArray::new();

/// How often a station has moved. Added to by the programs.
#[btf_map]
pub static MOVES: Array<u64, 1> = Array::new();

/// VLANs by port. Written by userspace.
#[btf_map]
pub static PORT_VLANS: Array<PortVlans, PORTS> = Array::new();

/// Counters by VID and CPU. Written by the programs.
#[btf_map]
pub static VLAN_COUNTERS: PerCpuArray<VlanCounters, VIDS> = PerCpuArray::new();

/// Mirrors by VID. Written by userspace.
#[btf_map]
pub static VLAN_MIRRORS: Array<VlanMirror, VIDS> = Array::new();

/// Addresses bound to ports. Written by userspace.
#[btf_map]
pub static BINDINGS: HashMap<BindingKey, Binding, { DEFAULT_BINDINGS as usize }> = HashMap::new();

/// Storm and rate limits by port. Written by userspace.
#[btf_map]
pub static LIMITS: Array<PortLimits, PORTS> = Array::new();

/// What has been charged against them, by port. Written by the programs, atomically, and by userspace,
/// which sets them to zero.
#[btf_map]
pub static METERS: Array<PortMeters, PORTS> = Array::new();
/// Room for what the guard of a port reads of a frame.
#[btf_map]
pub static SCRATCH: PerCpuArray<guard::Scratch, 1> = PerCpuArray::new();
/// Members of groups, routers and queriers. Written by the programs (reports) and by userspace
/// (operators, sweep). It takes memory as it grows: most bridges do not snoop.
#[btf_map]
pub static MDB: HashMap<
    MdbKey,
    MdbEntry,
    { MDB_ENTRIES as usize },
    { BPF_F_NO_PREALLOC as usize },
> = HashMap::new();

/// Groups learned, by port; in slot 0 the tick in which `MDB` was last full. Written by the programs.
/// Behind them, by port, groups that userspace removed again.
#[btf_map]
pub static MDB_COUNTS: Array<u64, { PORTS.wrapping_mul(2) }> = Array::new();

/// Room for a key and an entry. Written and read by the programs.
#[btf_map]
pub static MDB_SCRATCH: PerCpuArray<mdb::Scratch, 1> = PerCpuArray::new();

/// Room for a question for a neighbour and its answer.
#[btf_map]
pub static PROXY_SCRATCH: PerCpuArray<proxy::Scratch, 1> = PerCpuArray::new();

/// What happened. Written by the programs, read by one process.
#[btf_map]
pub static EVENTS: RingBuf<Event, { EVENT_RING_BYTES as usize }> = RingBuf::new();

/// How many events a CPU has sent and lost. Written by the programs.
#[btf_map]
pub static EVENT_BUDGET: PerCpuArray<EventBudget, 1> = PerCpuArray::new();
