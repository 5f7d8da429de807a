//! The layout that both sides and every later version rely on.
#![cfg_attr(
    feature = "user",
    expect(unsafe_code, reason = "aya::Pod is an unsafe trait")
)]

use core::mem::offset_of;

use crate::{
    Binding, BindingKey, Event, EventBudget, FdbEntry, FdbKey, FlowEntry, FlowSet, Limit, MdbEntry,
    MdbKey, PortConf, PortCounters, PortInfo, PortLimits, PortMeters, PortVlans, Settings,
    VlanCounters, VlanMirror, decide::guard::Scratch,
};

/// Version of everything in this file and of the set of maps; changed with any of them.
pub const ABI_VERSION: u32 = 4;

const _: () = {
    assert!(size_of::<FdbKey>() == 8 && offset_of!(FdbKey, vid) == 6);
    assert!(size_of::<FdbEntry>() == 16 && align_of::<FdbEntry>() == 4);
    assert!(offset_of!(FdbEntry, flags) == 4 && offset_of!(FdbEntry, last_seen) == 8);
    assert!(size_of::<PortConf>() == 64 && align_of::<PortConf>() == 4);
    assert!(offset_of!(PortConf, flags) == 4 && offset_of!(PortConf, mtu) == 8);
    assert!(offset_of!(PortConf, learn_limit) == 12 && offset_of!(PortConf, deliver_ifindex) == 16);
    assert!(offset_of!(PortConf, peer_mac) == 20 && offset_of!(PortConf, state) == 26);
    assert!(size_of::<Settings>() == 128 && align_of::<Settings>() == 8);
    assert!(offset_of!(Settings, abi_version) == 0 && offset_of!(Settings, ageing) == 8);
    assert!(offset_of!(Settings, flood_list) == 24 && offset_of!(Settings, netns) == 40);
    assert!(offset_of!(PortConf, mirror_in) == 32 && offset_of!(PortConf, mirror_out) == 34);
    assert!(offset_of!(Settings, flap_moves) == 76 && offset_of!(Settings, loop_nonce) == 88);
    assert!(size_of::<BindingKey>() == 20 && offset_of!(BindingKey, vid) == 16);
    assert!(size_of::<Binding>() == 12 && offset_of!(Binding, mac) == 4);
    assert!(size_of::<Scratch>() == 208 && align_of::<Scratch>() == 8);
    assert!(size_of::<MdbKey>() == 24 && offset_of!(MdbKey, vid) == 16);
    assert!(size_of::<MdbEntry>() == 16 && offset_of!(MdbEntry, flags) == 12);
    assert!(size_of::<PortCounters>() == 352 && offset_of!(PortCounters, drops) == 96);
    assert!(size_of::<PortInfo>() == 96 && offset_of!(PortInfo, peer_netns) == 80);
    assert!(size_of::<Event>() == 32 && offset_of!(Event, nanos) == 24);
    assert!(offset_of!(Event, vid) == 12 && offset_of!(Event, mac) == 14);
    assert!(size_of::<FlowEntry>() == 64 && offset_of!(FlowEntry, stamp) == 24);
    assert!(size_of::<FlowSet>() == 128 && offset_of!(FlowSet, second) == 64);
    assert!(size_of::<PortVlans>() == 1024 && offset_of!(PortVlans, untagged) == 512);
    assert!(size_of::<VlanCounters>() == 32);
    assert!(size_of::<VlanMirror>() == 4 && offset_of!(VlanMirror, mirror_out) == 2);
    assert!(size_of::<Limit>() == 32 && offset_of!(Limit, cost) == 16);
    assert!(size_of::<PortLimits>() == 160 && size_of::<PortMeters>() == 64);
    assert!(size_of::<EventBudget>() == 24 && offset_of!(EventBudget, lost) == 8);
};

#[cfg(feature = "user")]
mod pod {
    use crate::bench::{BenchConf, BenchSent, BenchSink};

    use super::{
        Binding, BindingKey, Event, EventBudget, FdbEntry, FdbKey, MdbEntry, MdbKey, PortConf,
        PortCounters, PortInfo, PortLimits, PortMeters, PortVlans, Settings, VlanCounters,
        VlanMirror,
    };

    macro_rules! pod {
        ($($ty:ty),+) => {$(
            // SAFETY: repr(C) of integers and arrays of them, its padding explicit (sizes and
            // offsets are asserted above), so every bit pattern is a value.
            unsafe impl aya::Pod for $ty {}
        )+};
    }
    pod!(
        BenchConf,
        BenchSent,
        BenchSink,
        Binding,
        BindingKey,
        Event,
        EventBudget,
        FdbEntry,
        FdbKey,
        MdbEntry,
        MdbKey,
        PortConf,
        PortCounters,
        PortInfo,
        PortLimits,
        PortMeters,
        PortVlans,
        Settings,
        VlanCounters,
        VlanMirror
    );
}
