//! Events for userspace, never more than a CPU's budget of them.
#![expect(unsafe_code, reason = "reads and writes a per-CPU map value")]

use netbridge_common::{Event, EventKind, FdbKey, PortId, Ticks};

use crate::{
    clock,
    maps::{EVENT_BUDGET, EVENTS},
};

/// Reports that `kind` happened to the address in `key` on `port`; counts the event as lost where the budget or
/// the ring is used up.
#[inline(always)]
pub fn event(kind: EventKind, key: FdbKey, port: PortId, other_port: PortId, rate: u32) {
    let Some(budget) = EVENT_BUDGET.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: per-CPU memory of an array map.
    let budget = unsafe { &mut *budget };
    let nanos = clock::nanos();
    if budget.take(Ticks::from_nanos(nanos).0, rate, kind.is_urgent()) {
        let event = Event {
            kind: kind as u32,
            port,
            other_port,
            vid: key.vid,
            mac: key.mac,
            pad: 0,
            nanos,
        };
        if EVENTS.output(event, 0).is_ok() {
            return;
        }
    }
    budget.lost = budget.lost.wrapping_add(1);
}
