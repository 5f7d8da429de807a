//! What may happen to a bridge: frames of few flows, so that they come again, and changes.

use netbridge::fdb::EntryKind;
use netbridge_common::{PortFlags, PortState};
use netbridge_tests::frame;
use proptest::{prelude::*, sample::select};

/// Ports `p1` to `p4`; the host's port comes after them.
pub(super) const PORTS: usize = 4;
/// Addresses that a step may name: the stations at the ends of the ports, two behind the first
/// ports, the bridge's own, and four that are no station's.
pub(super) const NAMES: usize = PORTS + 2 + 1 + 4;
/// Frames that can come again.
pub(super) const RECENT: usize = 4;
/// Names of stations, the bridge's own address among them.
const STATIONS: usize = PORTS + 2 + 1;

/// A frame, by names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// The port that it comes in on.
    pub from: usize,
    /// Its destination.
    pub dst: usize,
    /// Its source.
    pub src: usize,
    /// Its type.
    pub ethertype: u16,
    /// Its octets.
    pub len: usize,
}

/// Switches of a port.
pub(super) const SWITCHES: [PortFlags; 7] = [
    PortFlags::NO_LEARNING,
    PortFlags::NO_FLOOD,
    PortFlags::NO_MCAST_FLOOD,
    PortFlags::NO_BCAST_FLOOD,
    PortFlags::ISOLATED,
    PortFlags::HAIRPIN,
    PortFlags::LOCKED,
];

/// Lengths about which ports may differ, and the least.
const LENGTHS: [usize; 5] = [14, 1018, 1019, 1518, 1519];

/// What is other about a frame than about one before it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Other {
    /// The port that it comes in on: its sender has moved.
    From(usize),
    /// Its octets.
    Len(usize),
    /// It is MAC control.
    MacControl,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A frame comes.
    Frame(Sent),
    /// One of the last frames comes again, counted from the last.
    Again(usize),
    /// One of the last frames comes again, unlike itself in one thing.
    Like(usize, Other),
    /// The following frames come in on another CPU, which has a cache of its own.
    Cpu(usize),
    /// Ticks pass.
    Wait(u32),
    /// `fdb add`.
    AddEntry(usize, usize, EntryKind),
    /// `fdb del`.
    DelEntry(usize),
    /// `fdb flush`, of a port or of all, with permanent entries or without.
    Flush(Option<usize>, bool),
    /// The daemon's sweep.
    Sweep,
    /// `port set --state`.
    State(usize, PortState),
    /// `port set` with a switch that is set or cleared.
    Switch(usize, PortFlags, bool),
    /// `port set --learn-limit`.
    PortLimit(usize, u32),
    /// The MTU of the port's interface changes.
    Mtu(usize, u32),
    /// `port del`, where it is there.
    Remove(usize),
    /// `port add`, where it is not; at XDP, if the others are too.
    Add(usize, bool),
    /// `bridge set --mode`.
    Hub(bool),
    /// `bridge set --flood`.
    Flood(bool),
    /// `bridge set --ageing-time`.
    Ageing(u32),
    /// `bridge set --learn-limit`.
    BridgeLimit(u32),
}

/// The port that a station is behind unless it moves.
fn home(station: usize) -> usize {
    if station == STATIONS - 1 {
        PORTS
    } else {
        station % PORTS
    }
}

prop_compose! {
    fn sent()(
        dst in prop_oneof![20 => 0..STATIONS, 2 => STATIONS..NAMES],
        src in prop_oneof![40 => 0..STATIONS, 1 => STATIONS..NAMES],
        moved in prop::option::weighted(0.1, 0..=PORTS),
        ethertype in prop_oneof![30 => Just(frame::EXPERIMENT), 1 => Just(frame::MAC_CONTROL)],
        len in prop_oneof![
            3 => Just(frame::SHORTEST),
            2 => select(LENGTHS.to_vec()),
        ],
    ) -> Sent {
        Sent { from: moved.unwrap_or_else(|| home(src)), dst, src, ethertype, len }
    }
}

fn other() -> impl Strategy<Value = Other> {
    prop_oneof![
        3 => (0..=PORTS).prop_map(Other::From),
        3 => select(LENGTHS.to_vec()).prop_map(Other::Len),
        1 => Just(Other::MacControl),
    ]
}

fn change() -> impl Strategy<Value = Step> {
    use PortState::{Blocking, Disabled, Forwarding, Learning, Listening};
    let any_port = || 0..=PORTS;
    let states = vec![
        Forwarding, Forwarding, Forwarding, Learning, Disabled, Listening, Blocking,
    ];
    let kinds = vec![
        EntryKind::Dynamic,
        EntryKind::Static,
        EntryKind::Sticky,
        EntryKind::Blackhole,
    ];
    let selection = prop::option::of(any_port());
    prop_oneof![
        4 => (0..NAMES, any_port(), select(kinds))
            .prop_map(|(who, port, kind)| Step::AddEntry(who, port, kind)),
        3 => (0..STATIONS).prop_map(Step::DelEntry),
        2 => (selection, any::<bool>()).prop_map(|(port, all)| Step::Flush(port, all)),
        1 => Just(Step::Sweep),
        5 => (any_port(), select(states)).prop_map(|(port, state)| Step::State(port, state)),
        8 => (any_port(), select(SWITCHES.to_vec()), any::<bool>())
            .prop_map(|(port, switch, on)| Step::Switch(port, switch, on)),
        1 => any::<bool>().prop_map(Step::Flood),
        2 => (any_port(), 0..3_u32).prop_map(|(port, limit)| Step::PortLimit(port, limit)),
        2 => (0..PORTS, select(vec![1000, 1500])).prop_map(|(port, mtu)| Step::Mtu(port, mtu)),
        1 => (0..PORTS).prop_map(Step::Remove),
        2 => (0..PORTS, any::<bool>()).prop_map(|(port, xdp)| Step::Add(port, xdp)),
        1 => any::<bool>().prop_map(Step::Hub),
        2 => select(vec![1, 2, 300]).prop_map(Step::Ageing),
        2 => select(vec![0, 0, 2, 5]).prop_map(Step::BridgeLimit),
    ]
}

/// Any step; those that take real time are rare.
pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        150 => sent().prop_map(Step::Frame),
        250 => (0..RECENT).prop_map(Step::Again),
        60 => (0..RECENT, other()).prop_map(|(n, other)| Step::Like(n, other)),
        80 => change(),
        15 => (0..2_usize).prop_map(Step::Cpu),
        1 => (1..4_u32).prop_map(Step::Wait),
    ]
}
