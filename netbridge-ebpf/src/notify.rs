//! Events for userspace, never more than a CPU's budget of them.
#![expect(
    unsafe_code,
    reason = "reads and writes a per-CPU map value; a function whose name is kept"
)]

use netbridge_common::{Event, EventKind, FdbKey, PortId, Ticks};

use crate::{
    clock,
    maps::{EVENT_BUDGET, EVENTS},
};

/// Reports that `kind` happened to the address in `key` on `port`; counts the event as lost where the budget or
/// the ring is used up.
#[inline(always)]
pub fn event(kind: EventKind, key: FdbKey, port: PortId, other_port: PortId, rate: u32) {
    let ports = u64::from(port.0) << 32 | u64::from(other_port.0);
    let kind = kind as u32 | u32::from(kind.is_urgent()) << 31;
    report(kind, key.rank(), ports, rate);
}

/// The same of numbers: the kind, urgent ones with the highest bit, the address as [`FdbKey::rank`] has
/// it, and both ports. A function of its own, for the stack that a record takes.
#[inline(never)]
#[unsafe(no_mangle)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number's halves are ports"
)]
pub extern "C" fn report(kind: u32, address: u64, ports: u64, rate: u32) -> u32 {
    let Some(budget) = EVENT_BUDGET.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: per-CPU memory of an array map.
    let budget = unsafe { &mut *budget };
    let nanos = clock::nanos();
    let urgent = kind >> 31 != 0;
    if budget.take(Ticks::from_nanos(nanos).0, rate, urgent) {
        let FdbKey { mac, vid } = FdbKey::of_rank(address);
        let event = Event {
            kind: kind << 1 >> 1,
            port: PortId((ports >> 32) as u32),
            other_port: PortId(ports as u32),
            vid,
            mac,
            pad: 0,
            nanos,
        };
        if EVENTS.output(event, 0).is_ok() {
            return 1;
        }
    }
    budget.lost = budget.lost.wrapping_add(1);
    0
}
