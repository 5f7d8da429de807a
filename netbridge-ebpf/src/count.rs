//! Per-CPU counters: what happened to every frame, on which port.
#![expect(unsafe_code, reason = "adds to map values through pointers")]

use netbridge_common::{
    FrameHead, FrameSize, PortConf, PortCounters, PortId, VlanCounters, counters::DROP_SLOTS,
    decide::DropReason, vlan::VID_NONE,
};

use crate::{
    features,
    maps::{PORT_COUNTERS, VLAN_COUNTERS},
};

/// This CPU's counters of `port`.
#[inline(always)]
fn of(port: PortId) -> Option<&'static mut PortCounters> {
    let counters = PORT_COUNTERS.get_ptr_mut(port.0)?;
    // SAFETY: per-CPU memory, and a program is not interrupted by another one that counts on the
    // same CPU but in softirq order; the worst case is a lost increment, never a bad access.
    Some(unsafe { &mut *counters })
}

#[inline(always)]
fn add(counter: &mut u64, n: u32) {
    *counter = counter.wrapping_add(u64::from(n));
}

#[inline(always)]
fn received(counters: &mut PortCounters, size: FrameSize) {
    add(&mut counters.rx_frames, size.frames);
    add(&mut counters.rx_bytes, size.bytes);
}

/// A frame came in on `ingress` and went to one port.
#[inline(always)]
pub fn forwarded(ingress: PortId, size: FrameSize) {
    if let Some(counters) = of(ingress) {
        received(counters, size);
        add(&mut counters.forwarded, size.frames);
    }
}

/// A frame came in on `ingress` and was answered there.
#[inline(always)]
pub fn answered(ingress: PortId, size: FrameSize) {
    if let Some(counters) = of(ingress) {
        received(counters, size);
        add(&mut counters.forwarded, size.frames);
        add(&mut counters.answered, size.frames);
    }
}

/// A frame came in on `ingress` and went to all other ports.
#[inline(always)]
pub fn flooded(ingress: PortId, size: FrameSize) {
    if let Some(counters) = of(ingress) {
        received(counters, size);
        add(&mut counters.flooded, size.frames);
    }
}

/// A frame came in on `ingress` and was dropped; `slot` is the number of the [`DropReason`].
#[inline(always)]
pub fn dropped(ingress: PortId, size: FrameSize, slot: u32) {
    if let Some(counters) = of(ingress) {
        received(counters, size);
        drop_slot(counters, size, slot);
    }
}

/// A copy of a flood, or for a mirror, could not go out on `egress`.
#[inline(always)]
pub fn flood_dropped(egress: PortId, size: FrameSize, reason: DropReason) {
    copy_dropped(egress, size, reason as u32);
}

/// The same; `slot` is the number of the [`DropReason`].
#[inline(always)]
pub fn copy_dropped(egress: PortId, size: FrameSize, slot: u32) {
    if let Some(counters) = of(egress) {
        drop_slot(counters, size, slot);
    }
}

#[inline(always)]
fn drop_slot(counters: &mut PortCounters, size: FrameSize, slot: u32) {
    let slot = slot as usize;
    if slot < DROP_SLOTS
        && let Some(counter) = counters.drops.get_mut(slot)
    {
        add(counter, size.frames);
    }
}

/// A frame went out on `egress`, the port that it is for.
#[inline(always)]
pub fn sent(egress: PortId, size: FrameSize) {
    if let Some(counters) = of(egress) {
        add(&mut counters.tx_frames, size.frames);
        add(&mut counters.tx_bytes, size.bytes);
    }
}

/// A copy of a flood went out on `egress`.
#[inline(always)]
pub fn flood_sent(egress: PortId, conf: &PortConf, head: &FrameHead, size: FrameSize) {
    if let Some(counters) = of(egress) {
        add(&mut counters.tx_frames, size.frames);
        add(&mut counters.tx_bytes, size.bytes);
        if conf.is_wasted_on(head.dst) {
            add(&mut counters.wasted, size.frames);
        }
    }
}

/// A copy of a frame went out on `target` for a mirror.
#[inline(always)]
pub fn mirrored(target: PortId, size: FrameSize) {
    if let Some(counters) = of(target) {
        add(&mut counters.mirrored, size.frames);
    }
}

/// A frame came in and was admitted to VLAN `vid`.
#[inline(always)]
pub fn vlan_received(vid: u16, size: FrameSize) {
    if let Some(counters) = vlan(vid) {
        add(&mut counters.rx_frames, size.frames);
        add(&mut counters.rx_bytes, size.bytes);
    }
}

/// A frame of VLAN `vid`, or a copy of it, went out.
#[inline(always)]
pub fn vlan_sent(vid: u16, size: FrameSize) {
    if let Some(counters) = vlan(vid) {
        add(&mut counters.tx_frames, size.frames);
        add(&mut counters.tx_bytes, size.bytes);
    }
}

/// This CPU's counters of a VLAN; none for VID 0, which frames have on a bridge that filters none.
#[inline(always)]
fn vlan(vid: u16) -> Option<&'static mut VlanCounters> {
    if !features::vlan() || vid == VID_NONE {
        return None;
    }
    let counters = VLAN_COUNTERS.get_ptr_mut(u32::from(vid))?;
    // SAFETY: as in `of`.
    Some(unsafe { &mut *counters })
}

/// An address was learned on `port`.
#[inline(always)]
pub fn learned(port: PortId) {
    if let Some(counters) = of(port) {
        add(&mut counters.learned, 1);
    }
}

/// An address could not be learned on `port`.
#[inline(always)]
pub fn refused(port: PortId) {
    if let Some(counters) = of(port) {
        add(&mut counters.refused, 1);
    }
}
