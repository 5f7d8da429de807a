//! Storm and rate limits: what passes is charged against the meters of its port.
#![expect(
    unsafe_code,
    reason = "atomic access to map values; a function with a name of its own"
)]

use netbridge_common::{
    FlowChecks, FlowEntry, FrameSize, LimitKind, PortConf, PortFlags, PortId,
    decide::{DropReason, FloodKind, charge},
    limit::meter_time,
};

use crate::{
    atomic, clock, features,
    maps::{LIMITS, METERS},
    pipeline::Frontend,
    verifier::forget,
};

/// How often a charge is tried again where other CPUs charge the same meter.
const TRIES: u32 = 4;

/// Charges a frame that came in, where the hook is the first to see it.
#[inline(always)]
pub fn ingress<F: Frontend>(
    frame: &F,
    (id, port): (PortId, &PortConf),
    size: FrameSize,
) -> Result<(), DropReason> {
    let limited = port.flags.contains(PortFlags::RATE_IN) & frame.is_first(port);
    admit(limited, id, LimitKind::RateIn, size)
}

/// Charges a frame, or a copy of one, that is to go out by a port with these switches.
#[inline(always)]
pub fn egress(id: PortId, flags: PortFlags, size: FrameSize) -> Result<(), DropReason> {
    let limited = flags.contains(PortFlags::RATE_OUT);
    admit(limited, id, LimitKind::RateOut, size)
}

/// Charges a frame that is to be flooded, where the hook is the first to see it.
#[inline(always)]
pub fn storm<F: Frontend>(
    frame: &F,
    (id, port): (PortId, &PortConf),
    flood: FloodKind,
    size: FrameSize,
) -> Result<(), DropReason> {
    if !features::limit() {
        return Ok(());
    }
    let kind = LimitKind::from_raw(forget(LimitKind::of_flood(flood) as u32));
    let limited = port.flags.contains(PortFlags::STORM) & frame.is_first(port);
    admit(limited, id, kind, size)
}

/// Charges a frame whose verdict was kept: as it came, and as it leaves.
#[inline(always)]
pub fn kept(entry: &FlowEntry, size: FrameSize, sent: FrameSize) -> Result<(), DropReason> {
    if !features::limit() || entry.checks == FlowChecks::default() {
        return Ok(());
    }
    let limited = entry.checks.contains(FlowChecks::RATE_IN);
    admit(limited, entry.ingress, LimitKind::RateIn, size)?;
    let limited = entry.checks.contains(FlowChecks::RATE_OUT);
    admit(limited, entry.egress, LimitKind::RateOut, sent)
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
fn admit(limited: bool, id: PortId, kind: LimitKind, size: FrameSize) -> Result<(), DropReason> {
    if !features::limit() {
        return Ok(());
    }
    if charge_meter(u32::from(limited), id.0, kind as u32, kind.amount(size)) == 0 {
        return Err(kind.reason());
    }
    Ok(())
}

/// Charges a meter of a port, where that is limited; 0 where it is too much.
///
/// The verifier looks at it once, however often it is called, and not at its callers once for every way
/// through it.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn charge_meter(limited: u32, port: u32, kind: u32, amount: u32) -> u32 {
    if limited == 0 {
        return 1;
    }
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
