//! The path of every frame: parse, admit, learn, lookup, forward, egress, verdict.

use netbridge_common::{
    EventKind, FdbEntry, FrameHead, FrameSize, Mode, PortConf, PortId, Settings, Ticks,
    decide::{
        DropReason, FloodKind, Forward, Learn, Refusal, admit, admit_source, egress, forward, learn,
    },
};

use crate::{clock, count, notify, table};

/// What a hook provides: reading the frame, and carrying a verdict out.
pub trait Frontend {
    /// What the program returns to the kernel.
    type Action;

    /// Index of the interface that the frame came in on.
    fn ifindex(&self) -> u32;
    /// The Ethernet header; `None` where there is no complete one.
    fn head(&mut self) -> Option<FrameHead>;
    /// The frames that the buffer stands for.
    fn size(&self) -> FrameSize;
    /// Says whether this hook can hand a frame to `egress`.
    fn reaches(&self, egress: &PortConf) -> bool;
    /// Says whether this hook can flood this frame.
    fn floods(&self, settings: &Settings) -> bool;
    /// Hands the frame to one port.
    fn send(
        &mut self,
        id: PortId,
        egress: &PortConf,
        head: &FrameHead,
    ) -> Result<Self::Action, DropReason>;
    /// Hands copies to all ports but `ingress`, counting each on its port.
    fn flood(&mut self, flood: &Flood<'_>) -> Self::Action;
    /// Leaves the frame, uncounted, to the other hook of the port.
    fn pass_up(&self) -> Self::Action;
    /// Drops the frame.
    fn discard(&self) -> Self::Action;
}

/// A frame on its way to all other ports.
pub struct Flood<'a> {
    /// The bridge's settings.
    pub settings: &'a Settings,
    /// The port that the frame came in on.
    pub ingress: PortId,
    /// The frame's header.
    pub head: FrameHead,
    /// The frame's size.
    pub size: FrameSize,
}

/// Decides about a frame, counts it, and has the verdict carried out.
#[inline(always)]
pub fn run<F: Frontend>(frame: &mut F) -> F::Action {
    let ingress = table::port_of(frame.ifindex());
    match verdict(frame, ingress) {
        Ok(action) => action,
        Err(reason) => {
            count::dropped(ingress, frame.size(), reason);
            frame.discard()
        }
    }
}

#[inline(always)]
fn verdict<F: Frontend>(frame: &mut F, ingress: PortId) -> Result<F::Action, DropReason> {
    let settings = table::settings().ok_or(DropReason::PortDisabled)?;
    let port = table::port(ingress).ok_or(DropReason::PortDisabled)?;
    let head = frame.head().ok_or(DropReason::Malformed)?;
    admit(port, &head)?;
    let to = match settings.mode() {
        Mode::Hub => Forward::Flood(FloodKind::of(head.dst)),
        Mode::Bridge => locate(settings, ingress, port, &head)?,
    };
    if !port.state().forwards() {
        return Err(DropReason::PortDisabled);
    }
    match to {
        Forward::To(id) => unicast(frame, ingress, id, &head),
        Forward::Flood(_) => {
            if !frame.floods(settings) {
                return Ok(frame.pass_up());
            }
            let size = frame.size();
            count::flooded(ingress, size);
            Ok(frame.flood(&Flood {
                settings,
                ingress,
                head,
                size,
            }))
        }
    }
}

/// Learns the source and looks the destination up.
#[inline(always)]
fn locate(
    settings: &Settings,
    ingress: PortId,
    port: &PortConf,
    head: &FrameHead,
) -> Result<Forward, DropReason> {
    let now = clock::now();
    learn_source(settings, ingress, port, head, now)?;
    let entry = if head.dst.is_group() {
        None
    } else {
        table::lookup(head.dst).map(|slot| slot.entry())
    };
    forward(head.dst, entry.as_ref(), ingress, now, settings.ageing)
}

#[inline(always)]
fn learn_source(
    settings: &Settings,
    ingress: PortId,
    port: &PortConf,
    head: &FrameHead,
    now: Ticks,
) -> Result<(), DropReason> {
    let slot = table::lookup(head.src);
    let entry: Option<FdbEntry> = slot.as_ref().map(table::Slot::entry);
    admit_source(entry.as_ref(), ingress)?;
    let refusal = match learn(entry.as_ref(), ingress, now, settings.ageing) {
        Learn::Keep => return Ok(()),
        Learn::Refresh => {
            if let Some(slot) = slot {
                slot.refresh(now);
            }
            return Ok(());
        }
        Learn::Insert => table::insert(head.src, ingress, port.learn_limit, now, settings).err(),
        Learn::Move { from, .. } => {
            table::relocate(head.src, from, ingress, port.learn_limit, now).err()
        }
        Learn::Refuse(refusal) => Some(refusal),
    };
    report(settings, ingress, head, entry, refusal);
    Ok(())
}

/// Counts and reports what became of an attempt to learn.
#[inline(always)]
fn report(
    settings: &Settings,
    ingress: PortId,
    head: &FrameHead,
    before: Option<FdbEntry>,
    refusal: Option<Refusal>,
) {
    let other = before.map_or(PortId::NONE, |entry| entry.port);
    let kind = match refusal {
        None => {
            count::learned(ingress);
            if other == PortId::NONE {
                EventKind::Learned
            } else {
                EventKind::Moved
            }
        }
        Some(Refusal::Held) => {
            count::refused(ingress);
            return;
        }
        Some(Refusal::PortLimit | Refusal::BridgeLimit) => {
            count::refused(ingress);
            EventKind::Limit
        }
    };
    notify::event(kind, head.src, ingress, other, settings.event_rate);
}

#[inline(always)]
fn unicast<F: Frontend>(
    frame: &mut F,
    ingress: PortId,
    id: PortId,
    head: &FrameHead,
) -> Result<F::Action, DropReason> {
    let port = table::port(id).ok_or(DropReason::EgressDown)?;
    let size = frame.size();
    egress(port, size)?;
    if !frame.reaches(port) {
        return Ok(frame.pass_up());
    }
    let action = frame.send(id, port, head)?;
    count::forwarded(ingress, size);
    count::sent(id, size);
    Ok(action)
}
