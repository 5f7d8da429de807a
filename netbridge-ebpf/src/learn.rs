//! What a frame's source teaches the FDB, and where the FDB sends the frame.

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
        Learn::Move { fresh, .. } => {
            let (Some(slot), Some(before)) = (slot, entry) else {
                return Ok(true);
            };
            admit_held(&before, now, settings)?;
            let (after, flaps) = moved(&before, fresh, ingress, now, settings);
            flapping = flaps;
            match table::relocate(&slot, key, &before, &after, port.learn_limit) {
                Ok(false) => return Ok(true),
                outcome => outcome.err(),
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
