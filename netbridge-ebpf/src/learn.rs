//! What a frame's source teaches the FDB, and where the FDB sends the frame.
#![expect(unsafe_code, reason = "a function whose name is kept")]

use netbridge_common::{
    EventKind, FdbEntry, FdbKey, FrameHead, PortConf, PortFlags, PortId, Settings, Ticks,
    decide::{self, DropReason, Forward, Learn, Refusal, admit_held, admit_source, forward, moved},
};

use crate::{count, notify, pipeline::Frontend, table};

/// Learns the source, and says whether that succeeded; looks the destination up.
#[inline(always)]
pub fn locate<F: Frontend>(
    frame: &F,
    settings: &Settings,
    (ingress, port): (PortId, &PortConf),
    head: &FrameHead,
    vid: u16,
    now: Ticks,
) -> Result<(Forward, bool), DropReason> {
    let learned = learn_source(frame, settings, (ingress, port), head, vid, now)?;
    let entry = if head.dst.is_group() {
        None
    } else {
        let key = FdbKey { mac: head.dst, vid };
        table::lookup(key).map(|slot| slot.entry())
    };
    let to = forward(
        head.dst,
        entry.as_ref(),
        (ingress, port.flags),
        now,
        settings,
    )?;
    Ok((to, learned))
}

#[inline(always)]
fn learn_source<F: Frontend>(
    frame: &F,
    settings: &Settings,
    (ingress, port): (PortId, &PortConf),
    head: &FrameHead,
    vid: u16,
    now: Ticks,
) -> Result<bool, DropReason> {
    let key = FdbKey { mac: head.src, vid };
    let slot = table::lookup(key);
    let entry: Option<FdbEntry> = slot.as_ref().map(table::Slot::entry);
    admit_source(entry.as_ref(), ingress, port, now, settings.ageing)?;
    let mut flapping = false;
    let refusal = match decide::learn(entry.as_ref(), (ingress, port.flags), now, settings.ageing) {
        Learn::Keep => return Ok(true),
        Learn::Refresh => {
            if let Some(slot) = slot {
                slot.refresh(now);
            }
            return Ok(true);
        }
        Learn::Insert => match table::insert(key, ingress, port.learn_limit, now, settings) {
            Ok(false) => return Ok(true),
            outcome => outcome.err(),
        },
        Learn::Move { .. } => {
            match move_station(key.rank(), ingress.0, port.learn_limit, u64::from(now.0)) {
                MOVED => None,
                FLAPPING => {
                    flapping = true;
                    None
                }
                HELD => return Err(DropReason::MovedSticky),
                FULL => Some(Refusal::PortLimit),
                _ => return Ok(true),
            }
        }
        Learn::Refuse(refusal) => Some(refusal),
    };
    // A frame that XDP hands on is refused a second time at TC, and counted the first.
    if refusal.is_none() || frame.is_first(port) {
        report(settings, ingress, key, entry, refusal, flapping);
    }
    Ok(refusal.is_none())
}

/// What became of a station that was to move: it did; it did, and flaps; it is held where it was; the
/// port has no room for it. Any other number: somebody else has changed its entry meanwhile.
const MOVED: u32 = 1;
const FLAPPING: u32 = 2;
const HELD: u32 = 3;
const FULL: u32 = 4;

/// Moves the station at `address`, as [`FdbKey::rank`] has it, to `port`, which may have `limit` of them.
///
/// A function of its own, for the stack that two entries take, and because stations move rarely.
#[inline(never)]
#[unsafe(no_mangle)]
#[expect(clippy::cast_possible_truncation, reason = "ticks are 32 bits")]
pub extern "C" fn move_station(address: u64, port: u32, limit: u32, now: u64) -> u32 {
    let (key, port, now) = (FdbKey::of_rank(address), PortId(port), Ticks(now as u32));
    let (Some(settings), Some(slot)) = (table::settings(), table::lookup(key)) else {
        return 0;
    };
    let before = slot.entry();
    let here = (port, PortFlags::default());
    let Learn::Move { fresh, .. } = decide::learn(Some(&before), here, now, settings.ageing) else {
        return 0;
    };
    if admit_held(&before, now, settings).is_err() {
        return HELD;
    }
    let (after, flapping) = moved(&before, fresh, port, now, settings);
    match table::relocate(&slot, key, &before, &after, limit) {
        Ok(true) if flapping => FLAPPING,
        Ok(true) => MOVED,
        Ok(false) => 0,
        Err(_) => FULL,
    }
}

/// Counts and reports what became of an attempt to learn.
#[inline(always)]
fn report(
    settings: &Settings,
    ingress: PortId,
    key: FdbKey,
    before: Option<FdbEntry>,
    refusal: Option<Refusal>,
    flapping: bool,
) {
    let other = before.map_or(PortId::NONE, |entry| entry.port);
    let kind = match refusal {
        None => {
            count::learned(ingress);
            if other == PortId::NONE {
                EventKind::Learned
            } else if flapping {
                EventKind::Flapping
            } else {
                EventKind::Moved
            }
        }
        Some(Refusal::Held) => {
            count::refused(ingress);
            return;
        }
        Some(Refusal::PortLimit | Refusal::BridgeLimit | Refusal::UnfairShare) => {
            count::refused(ingress);
            EventKind::Limit
        }
    };
    notify::event(kind, key, ingress, other, settings.event_rate);
}

/// A hub learns nothing, but a locked port is locked there too: to all but whom an operator let in.
#[inline(always)]
pub fn admit_to_hub(
    settings: &Settings,
    (ingress, port): (PortId, &PortConf),
    head: &FrameHead,
    vid: u16,
    now: Ticks,
) -> Result<(), DropReason> {
    if !port.flags.contains(PortFlags::LOCKED) {
        return Ok(());
    }
    let key = FdbKey { mac: head.src, vid };
    let entry = table::lookup(key).map(|slot| slot.entry());
    admit_source(entry.as_ref(), ingress, port, now, settings.ageing)
}
