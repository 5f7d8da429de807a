//! Storm and rate limits: what passes is charged against the meters of its port.
#![expect(
    unsafe_code,
    reason = "atomic access to map values; a function with a name of its own"
)]

use netbridge_common::{
    FlowChecks, FlowEntry, FrameSize, LimitKind, PortConf, PortFlags, PortId,
    decide::{DropReason, FloodKind, TagAction, charge},
    limit::meter_time,
};

use crate::{
    atomic, clock, features,
    maps::{LIMITS, METERS},
    pipeline::{Frontend, resized},
    verifier::forget,
};

/// How often a charge is tried again where other CPUs charge the same meter.
const TRIES: u32 = 4;

/// Charges a frame that came in, where the hook is the first to see it.
#[inline(always)]
pub fn ingress<F: Frontend>(frame: &F, (id, port): (PortId, &PortConf)) -> Result<(), DropReason> {
    // Asking for the size is a call, which must not be made for nothing.
    if !features::limit() {
        return Ok(());
    }
    let size = frame.size();
    let limited = port.flags.contains(PortFlags::RATE_IN) & frame.is_first(port);
    admit(limited, id, LimitKind::RateIn, size, TagAction::Keep)
}

/// Charges a frame, or a copy of one, that is to go out by a port with its tag treated so.
#[inline(always)]
pub fn egress(
    (id, port): (PortId, &PortConf),
    size: FrameSize,
    tag: TagAction,
) -> Result<(), DropReason> {
    if !features::limit() {
        return Ok(());
    }
    let limited = port.flags.contains(PortFlags::RATE_OUT);
    admit(limited, id, LimitKind::RateOut, size, tag)
}

/// Charges a frame that is to be flooded, where the hook is the first to see it.
#[inline(always)]
pub fn storm<F: Frontend>(
    frame: &F,
    (id, port): (PortId, &PortConf),
    flood: FloodKind,
) -> Result<(), DropReason> {
    if !features::limit() {
        return Ok(());
    }
    let size = frame.size();
    let kind = LimitKind::from_raw(forget(LimitKind::of_flood(flood) as u32));
    let limited = port.flags.contains(PortFlags::STORM) & frame.is_first(port);
    admit(limited, id, kind, size, TagAction::Keep)
}

/// Charges a frame whose verdict was kept: as it came, and as it leaves.
#[inline(always)]
pub fn kept(entry: &FlowEntry, size: FrameSize) -> Result<(), DropReason> {
    if !features::limit() || entry.checks == FlowChecks::default() {
        return Ok(());
    }
    let limited = entry.checks.contains(FlowChecks::RATE_IN);
    admit(
        limited,
        entry.ingress,
        LimitKind::RateIn,
        size,
        TagAction::Keep,
    )?;
    let limited = entry.checks.contains(FlowChecks::RATE_OUT);
    let tag = TagAction::from_raw(entry.tag_action);
    admit(limited, entry.egress, LimitKind::RateOut, size, tag)
}

/// The switches that a kept verdict goes by: what another hook has charged is not charged again.
#[inline(always)]
pub fn switches<F: Frontend>(frame: &F, port: &PortConf) -> PortFlags {
    if features::limit() && !frame.is_first(port) {
        return port.flags.set(PortFlags::RATE_IN, false);
    }
    port.flags
}

#[inline(always)]
fn admit(
    limited: bool,
    id: PortId,
    kind: LimitKind,
    size: FrameSize,
    tag: TagAction,
) -> Result<(), DropReason> {
    if !features::limit() {
        return Ok(());
    }
    // Without a branch, which the verifier would follow both ways.
    let number = kind as u32 | u32::from(!limited) << 31;
    if charge_meter(id.0, number, size.frames, size.bytes, tag.to_raw()) == 0 {
        return Err(kind.reason());
    }
    Ok(())
}

/// Charges the meter of a [`LimitKind`], by its number, with a buffer of `frames` and `bytes`, whose tag
/// is treated as `tag` says; 0 where that is too much. There is none of a number beyond the kinds.
///
/// The verifier looks at it once, however often it is called, and not at its callers once for every way
/// through it.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn charge_meter(port: u32, kind: u32, frames: u32, bytes: u32, tag: u32) -> u32 {
    let size = FrameSize {
        frames,
        bytes,
        largest: bytes,
    };
    let size = resized(TagAction::from_raw(tag), size);
    let amount = LimitKind::from_raw(kind).amount(size);
    let kind = kind as usize;
    let Some(limit) = LIMITS.get(port).and_then(|limits| limits.limits.get(kind)) else {
        return 1;
    };
    if !limit.is_set() {
        return 1;
    }
    let Some(meters) = METERS.get_ptr_mut(port) else {
        return 1;
    };
    // SAFETY: other CPUs change the meters at the same time, which is what the atomic access is for; no
    // reference is made.
    let meters = unsafe { &raw mut (*meters).meters };
    if kind >= LimitKind::COUNT {
        return 1;
    }
    // SAFETY: `kind` is within the array.
    let meter = unsafe { meters.cast::<u64>().add(kind) };
    let now = meter_time(clock::exact_nanos());
    // SAFETY: the pointer is to an aligned word of a map value.
    let mut found = unsafe { meter.read_volatile() };
    for _ in 0..TRIES {
        let Some(charged) = charge(found, now, limit, amount) else {
            return 0;
        };
        // SAFETY: as above.
        let before = unsafe { atomic::compare_exchange(meter, found, charged) };
        if before == found {
            return 1;
        }
        found = before;
    }
    // It was within the limit just now, and a meter that others charge is not behind the clock.
    // SAFETY: as above.
    unsafe { atomic::add(meter, limit.time(amount)) };
    1
}
