//! Copies of frames for the targets of mirrors.
#![expect(unsafe_code, reason = "a global function keeps its name")]

use aya_ebpf::bindings::__sk_buff;
use netbridge_common::{
    FrameSize, PortConf, PortId,
    decide::{Copies, DropReason, takes_copy},
};

use crate::{count, features, pipeline::Frontend, skb, table, verifier::forget};

/// The copies of a frame that comes in by a port, whatever will become of it.
#[inline(always)]
pub fn incoming((ingress, port): (PortId, &PortConf)) -> Copies {
    if !features::mirror() {
        return Copies::NONE;
    }
    unknown(Copies::of(ingress, port.mirror_in, 0))
}

/// The copies of a frame that was admitted to a VLAN, beside those of [`incoming`].
#[inline(always)]
pub fn admitted((ingress, port): (PortId, &PortConf), vid: u16) -> Copies {
    if !features::mirror() {
        return Copies::NONE;
    }
    let by_vlan = table::vlan_mirror(vid).mirror_in;
    unknown(Copies::of(ingress, port.mirror_in, by_vlan).of_vlan())
}

/// The copies of a frame that leaves by a port in a VLAN.
#[inline(always)]
pub fn outgoing((egress, port): (PortId, &PortConf), vid: u16) -> Copies {
    if !features::mirror() {
        return Copies::NONE;
    }
    let by_vlan = table::vlan_mirror(vid).mirror_out;
    unknown(Copies::of(egress, port.mirror_out, by_vlan))
}

/// Copies of which the verifier knows nothing: it would walk through the rest once for each outcome.
#[inline(always)]
fn unknown(copies: Copies) -> Copies {
    Copies(forget(copies.0))
}

/// Says whether the hook can make these copies; one that cannot leaves the frame to one that can.
#[inline(always)]
pub fn can_make<F: Frontend>(frame: &F, copies: Copies) -> bool {
    copies.is_none() || frame.mirrors()
}

/// Says whether the hook can flood in a VLAN. Mirrors of the ports that a flood leaves by are not looked
/// at: while there is one, `Settings::xdp_floods` is 0.
#[inline(always)]
pub fn can_flood<F: Frontend>(frame: &F, vid: u16) -> bool {
    !features::mirror() || frame.mirrors() || table::vlan_mirror(vid).mirror_out == 0
}

/// Makes copies of the frame as it is. Not asked here whether there is one to make: the verifier would
/// walk through the rest twice.
#[inline(always)]
pub fn make<F: Frontend>(frame: &mut F, copies: Copies, size: FrameSize) {
    if features::mirror() {
        frame.mirror(copies, size);
    }
}

/// Makes copies of the frame as it is; `false`, and none, where the hook cannot.
#[inline(always)]
pub fn made<F: Frontend>(frame: &mut F, copies: Copies) -> bool {
    let can = can_make(frame, copies);
    // Where no copy can be made, asking for the size would be a call for nothing.
    if can && features::mirror() && frame.mirrors() {
        let size = frame.size();
        make(frame, copies, size);
    }
    can
}

/// Sends copies of a frame at TC.
#[inline(always)]
pub fn send(skb: *mut __sk_buff, copies: Copies, size: FrameSize) {
    mirror_tc(skb, copies.0, size.frames, size.largest);
}

/// Sends [`Copies`] of a frame, given as a number, and counts them on their ports; nothing that becomes
/// of them concerns the frame. A function of its own, which the verifier walks through once; it must use
/// all that it is given, or its callers would leave that undefined.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn mirror_tc(skb: *mut __sk_buff, copies: u32, frames: u32, largest: u32) -> u32 {
    let size = FrameSize {
        frames,
        ..FrameSize::single(largest)
    };
    let [first, second] = Copies(copies).targets();
    copy(skb, first, size);
    copy(skb, second, size);
    0
}

/// Sends a copy to `target`; to none where that is none.
#[inline(always)]
fn copy(skb: *mut __sk_buff, target: PortId, size: FrameSize) {
    if target == PortId::NONE {
        return;
    }
    let Some(port) = table::port(target) else {
        return;
    };
    if let Err(reason) = takes_copy(port, size) {
        count::flood_dropped(target, size, reason);
        return;
    }
    // A copy does not come by the ingress of a port: nothing is decided about it, and it is neither
    // learned from nor mirrored.
    let (ifindex, flags) = skb::entrance(port);
    if skb::clone_redirect(skb, ifindex, flags) {
        count::mirrored(target, size);
    } else {
        count::flood_dropped(target, size, DropReason::RedirectFailed);
    }
}
