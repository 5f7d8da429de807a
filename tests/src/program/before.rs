//! What can be unlike a new bridge before a frame comes.

use netbridge::datapath;
use netbridge_common::{
    Binding, BindingKey, FdbEntry, FdbFlags, FdbKey, Flaps, Limit, LimitKind, LoopGuard, MacAddr,
    MdbEntry, MdbKey, Mode, PortFlags, PortId, PortState, ProxyMode, Ticks,
    limit::{MIN_RATE, meter_time},
    mdb::MEMBERSHIP,
};
use nix::time::{ClockId, clock_gettime};

use super::{Action, Bench, Hook};
use crate::frame::{Frame, station};

/// Octets of frames that only teach.
const LESSON: usize = 60;

/// An entry before the frame; `age` is in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The station.
    pub mac: MacAddr,
    /// Its port.
    pub port: u32,
    /// Kind of entry.
    pub flags: FdbFlags,
    /// Ticks since it was last refreshed.
    pub age: u32,
}

/// What is unlike a new bridge before the frame comes.
#[derive(Clone, Copy, Debug)]
pub enum Before {
    /// The bridge is a hub.
    Hub,
    /// A port has another state.
    State(u32, PortState),
    /// A port has another MTU.
    Mtu(u32, u32),
    /// A port has a limit.
    PortLimit(u32, u32),
    /// The bridge has a limit.
    BridgeLimit(u32),
    /// There is an entry that no frame brought.
    Entry(Entry),
    /// A frame from the station came in on the port.
    Heard(MacAddr, u32),
    /// A frame from the station came in on the port, so many ticks ago.
    HeardBefore(MacAddr, u32, u32),
    /// The FDB is full.
    Full,
    /// The port's interface is gone.
    Gone(u32),
    /// The port's index is that of no interface.
    NoInterface(u32),
    /// The port takes no frames from XDP.
    NoXdpTarget(u32),
    /// A port has this switch.
    Switch(u32, PortFlags),
    /// An address is bound.
    Bound(BindingKey, Binding),
    /// A port relays these reserved groups.
    GroupMask(u32, u16),
    /// The bridge answers for neighbours.
    Proxy(ProxyMode),
    /// The bridge drops frames for nobody known.
    DropUnknown,
    /// What comes in by a port is mirrored to another one, and what goes out; 0 for no mirror.
    Mirror(u32, u16, u16),
    /// A port has a limit, and nothing has been charged against it.
    Limit(u32, LimitKind),
    /// A port has a limit, and has reached it.
    Spent(u32, LimitKind),
    /// A station is held on a port since so many ticks, and for a minute.
    Held(MacAddr, u32, u32),
    /// The bridge looks out for probes with this nonce.
    LoopGuard(u64),
    /// The bridge snoops.
    Snoops,
    /// Something is in the multicast database, and still counts for so many ticks.
    Group(MdbKey, u32),
    /// A querier has been heard whose members have so many ticks to answer.
    Asked(MdbKey, u32),
    /// The multicast database was full so many ticks ago.
    GroupsFull(u32),
    /// Frames for the station on the port enter its namespace directly.
    Peer(u32, MacAddr),
}

impl Before {
    /// Puts it in place.
    pub fn apply(&self, bench: &mut Bench, hook: Hook) {
        match *self {
            Self::Hub => bench.set(|settings| settings.mode = Mode::Hub as u32),
            Self::State(n, state) => bench.change(n, |port| port.state = state as u8),
            Self::Mtu(n, mtu) => bench.change(n, |port| port.mtu = mtu),
            Self::PortLimit(n, limit) => bench.change(n, |port| port.learn_limit = limit),
            Self::BridgeLimit(limit) => bench.set(|settings| settings.learn_limit = limit),
            Self::Gone(n) => bench.change(n, |port| port.ifindex = 0),
            Self::NoInterface(n) => bench.change(n, |port| port.ifindex = 0x7fff_fff0),
            Self::Switch(n, flag) => {
                bench.change(n, |port| port.flags = port.flags.with(flag));
            }
            Self::Bound(key, binding) => {
                let maps = bench.bridge.maps_mut();
                maps.set_binding(key, binding).expect("bind an address");
            }
            Self::GroupMask(n, mask) => bench.change(n, |port| port.group_fwd_mask = mask),
            Self::Proxy(mode) => bench.set(|settings| settings.proxy = mode as u16),
            Self::DropUnknown => bench.set(|settings| settings.drop_unknown = 1),
            Self::Mirror(n, mirror_in, mirror_out) => {
                bench.change(n, |port| {
                    (port.mirror_in, port.mirror_out) = (mirror_in, mirror_out);
                });
                if mirror_out != 0 {
                    bench.set(|settings| settings.xdp_floods = 0);
                }
            }
            Self::Peer(n, mac) => bench.change(n, |port| {
                port.flags = port.flags.with(PortFlags::PEER);
                port.peer_mac = mac;
            }),
            Self::Limit(n, kind) => limit(bench, n, kind),
            Self::Spent(n, kind) => {
                limit(bench, n, kind);
                spend(bench, n, kind);
            }
            Self::NoXdpTarget(n) => {
                bench.change(n, |port| port.flags = PortFlags::default());
                bench.set(|settings| settings.xdp_floods = 0);
            }
            Self::Held(mac, n, ago) => held(bench, mac, n, ago),
            Self::LoopGuard(nonce) => bench.set(|settings| {
                settings.loop_guard = LoopGuard::Report as u16;
                settings.loop_nonce = nonce;
            }),
            Self::Snoops => bench.set(|settings| settings.mcast_snooping = 1),
            Self::Group(key, left) => group(bench, key, 0, left),
            Self::Asked(key, delay) => group(bench, key, delay, delay + MEMBERSHIP.0),
            Self::GroupsFull(ago) => {
                let tick = u64::from(datapath::now().0 - ago);
                let maps = bench.bridge.maps_mut();
                maps.set_mdb_full(tick).expect("write when it was full");
            }
            Self::Entry(entry) => put(bench, entry),
            Self::Heard(mac, n) => hear(bench, hook, mac, n),
            Self::HeardBefore(mac, n, age) => {
                hear(bench, hook, mac, n);
                let flags = FdbFlags::default();
                put(
                    bench,
                    Entry {
                        mac,
                        port: n,
                        flags,
                        age,
                    },
                );
            }
            Self::Full => {
                let (port, flags, age) = (4, FdbFlags::default(), 0);
                for n in 0..bench.bridge.maps().fdb_capacity() {
                    let mac = station(0x8000 + u16::try_from(n).expect("a small FDB"));
                    put(
                        bench,
                        Entry {
                            mac,
                            port,
                            flags,
                            age,
                        },
                    );
                }
            }
        }
    }
}

/// The limits that ports have here: so low that what is spent stays spent, with a burst of minutes.
pub fn limit_of(kind: LimitKind) -> Limit {
    match kind {
        LimitKind::RateIn | LimitKind::RateOut => Limit::rate(MIN_RATE, 300_000),
        _ => Limit::storm(100),
    }
}

/// Gives port `n` a limit, and the switch by which the datapath knows.
fn limit(bench: &mut Bench, n: u32, kind: LimitKind) {
    let (id, maps) = (PortId(n), bench.bridge.maps_mut());
    let mut limits = maps.port_limits(id).expect("read limits");
    limits.set(kind, limit_of(kind));
    maps.set_port_limits(id, limits).expect("write limits");
    let flag = match kind {
        LimitKind::RateIn => PortFlags::RATE_IN,
        LimitKind::RateOut => PortFlags::RATE_OUT,
        _ => PortFlags::STORM,
    };
    bench.change(n, |port| port.flags = port.flags.with(flag));
}

/// Charges a meter of port `n` with all that its limit lets pass, and a minute more.
pub fn spend(bench: &mut Bench, n: u32, kind: LimitKind) {
    let (id, maps) = (PortId(n), bench.bridge.maps_mut());
    let mut meters = maps.port_meters(id).expect("read meters");
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("read the clock");
    let nanos = u64::try_from(time.tv_sec()).expect("time since boot") * 1_000_000_000;
    let debt = limit_of(kind).tolerance + meter_time(60_000_000_000);
    meters.meters[kind as usize] = meter_time(nanos) + debt;
    maps.set_port_meters(id, meters).expect("write meters");
}

/// Puts something into the multicast database that counts from `wait` ticks from now on, until `left`; 0 for
/// something that no longer does.
fn group(bench: &mut Bench, key: MdbKey, wait: u32, left: u32) {
    let now = datapath::now();
    let entry = MdbEntry {
        from: Ticks(now.0 + wait),
        until: Ticks((now.0 + left).saturating_sub(u32::from(left == 0))),
        ..MdbEntry::learned(now, MEMBERSHIP)
    };
    let maps = bench.bridge.maps_mut();
    maps.set_mdb_entry(key, entry).expect("write a group");
}

/// Holds a station on port `n`.
fn held(bench: &mut Bench, mac: MacAddr, n: u32, ago: u32) {
    let now = datapath::now();
    bench.set(|settings| settings.flap_hold = 60);
    let (port, flags, age) = (n, FdbFlags::HELD, 0);
    put(
        bench,
        Entry {
            mac,
            port,
            flags,
            age,
        },
    );
    let key = FdbKey::untagged(mac);
    let maps = bench.bridge.maps_mut();
    let entry = maps.fdb_entry(&key).expect("an entry");
    let since = Ticks(now.0.wrapping_sub(ago));
    let flaps = Flaps::new(0, since);
    maps.set_fdb_entry(key, FdbEntry { flaps, ..entry })
        .expect("write an entry");
}

fn hear(bench: &mut Bench, hook: Hook, mac: MacAddr, n: u32) {
    let lesson = Frame::new(mac, mac).of_len(LESSON);
    assert_eq!(
        bench.run(hook, bench.ifindex(n), &lesson, None),
        Action::Drop
    );
}

fn put(bench: &mut Bench, entry: Entry) {
    let last_seen = Ticks(datapath::now().0.wrapping_sub(entry.age));
    let value = FdbEntry {
        flags: entry.flags,
        ..FdbEntry::learned(PortId(entry.port), last_seen)
    };
    let key = FdbKey::untagged(entry.mac);
    let maps = bench.bridge.maps_mut();
    let before = maps.fdb_entry(&key).filter(|entry| !entry.is_permanent());
    maps.set_fdb_entry(key, value).expect("write an entry");
    if let Some(before) = before {
        maps.unlearn(before.port, 1).expect("count an entry");
    }
    if !value.is_permanent() {
        let one_less = 1_u64.wrapping_neg();
        maps.unlearn(value.port, one_less).expect("count an entry");
    }
}
