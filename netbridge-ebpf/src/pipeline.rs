//! The path of every frame: parse, admit, learn, lookup, forward, egress, verdict.

use netbridge_common::{
    EventKind, FdbEntry, FrameHead, FrameSize, Mode, PortConf, PortId, Settings, Ticks,
    decide::{
        DropReason, FloodKind, Forward, Learn, Refusal, Way, admit, admit_source, egress, forward,
        learn, way,
    },
};

use crate::{clock, count, flow::Flow, notify, table};

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
    /// Says whether this hook is the first to see frames from `ingress`.
    fn is_first(&self, ingress: &PortConf) -> bool;
    /// Says whether this hook can hand a frame to `egress`.
    fn reaches(&self, egress: &PortConf) -> bool;
    /// Says whether this hook can flood this frame.
    fn floods(&self, settings: &Settings) -> bool;
    /// Both addresses and the `EtherType` as they stand in the frame.
    fn addresses(&self) -> Option<([u32; 3], u16)>;
    /// Where the frame came in, as [`netbridge_common::FlowKey::new`] takes it.
    fn origin(&self) -> u32;
    /// Hands the frame to one port, in the way that `decide::way` chose.
    fn send(&mut self, id: PortId, way: Way, target: u32) -> Result<Self::Action, DropReason>;
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
    let Some(settings) = table::settings() else {
        return frame.discard();
    };
    let flow = Flow::new(frame.addresses(), frame.origin(), settings);
    if let Some(action) = again(frame, &flow) {
        return action;
    }
    let nanos = clock::nanos();
    let ingress = table::port_of(frame.ifindex());
    match verdict(frame, settings, ingress, nanos, &flow) {
        Ok(action) => action,
        Err(reason) => {
            count::dropped(ingress, frame.size(), reason);
            frame.discard()
        }
    }
}

/// Sends a frame where the last one of its flow went; `None` where it must be decided anew.
#[inline(always)]
fn again<F: Frontend>(frame: &mut F, flow: &Flow) -> Option<F::Action> {
    let entry = flow.verdict()?;
    let size = frame.size();
    if !entry.takes(size) {
        return None;
    }
    let action = frame.send(entry.egress, entry.way(), entry.target).ok()?;
    count::forwarded(entry.ingress, size);
    count::sent(entry.egress, size);
    Some(action)
}

#[inline(always)]
fn verdict<F: Frontend>(
    frame: &mut F,
    settings: &Settings,
    ingress: PortId,
    nanos: u64,
    flow: &Flow,
) -> Result<F::Action, DropReason> {
    let now = Ticks::from_nanos(nanos);
    let port = table::port(ingress).ok_or(DropReason::PortDisabled)?;
    let head = frame.head().ok_or(DropReason::Malformed)?;
    admit(port, &head)?;
    let (to, learned) = match settings.mode() {
        Mode::Hub => (Forward::Flood(FloodKind::of(head.dst)), false),
        Mode::Bridge => locate(frame, settings, ingress, port, &head, now)?,
    };
    if !port.state().forwards() {
        return Err(DropReason::PortDisabled);
    }
    match to {
        // A source that was refused is counted with every frame, so its flow is not kept.
        Forward::To(id) => {
            let flow = learned.then_some(flow);
            unicast(frame, (ingress, id), &head, nanos, flow)
        }
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

/// Learns the source, and says whether that succeeded; looks the destination up.
#[inline(always)]
fn locate<F: Frontend>(
    frame: &F,
    settings: &Settings,
    ingress: PortId,
    port: &PortConf,
    head: &FrameHead,
    now: Ticks,
) -> Result<(Forward, bool), DropReason> {
    let learned = learn_source(frame, settings, ingress, port, head, now)?;
    let entry = if head.dst.is_group() {
        None
    } else {
        table::lookup(head.dst).map(|slot| slot.entry())
    };
    let to = forward(head.dst, entry.as_ref(), ingress, now, settings.ageing)?;
    Ok((to, learned))
}

#[inline(always)]
fn learn_source<F: Frontend>(
    frame: &F,
    settings: &Settings,
    ingress: PortId,
    port: &PortConf,
    head: &FrameHead,
    now: Ticks,
) -> Result<bool, DropReason> {
    let slot = table::lookup(head.src);
    let entry: Option<FdbEntry> = slot.as_ref().map(table::Slot::entry);
    admit_source(entry.as_ref(), ingress)?;
    let refusal = match learn(entry.as_ref(), ingress, now, settings.ageing) {
        Learn::Keep => return Ok(true),
        Learn::Refresh => {
            if let Some(slot) = slot {
                slot.refresh(now);
            }
            return Ok(true);
        }
        Learn::Insert => match table::insert(head.src, ingress, port.learn_limit, now, settings) {
            Ok(false) => return Ok(true),
            outcome => outcome.err(),
        },
        Learn::Move { from, .. } => {
            table::relocate(head.src, from, ingress, port.learn_limit, now).err()
        }
        Learn::Refuse(refusal) => Some(refusal),
    };
    // A frame that XDP hands on is refused a second time at TC, and counted the first.
    if refusal.is_none() || frame.is_first(port) {
        report(settings, ingress, head, entry, refusal);
    }
    Ok(refusal.is_none())
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
    (ingress, id): (PortId, PortId),
    head: &FrameHead,
    nanos: u64,
    flow: Option<&Flow>,
) -> Result<F::Action, DropReason> {
    let port = table::port(id).ok_or(DropReason::EgressDown)?;
    let size = frame.size();
    egress(port, size)?;
    if !frame.reaches(port) {
        return Ok(frame.pass_up());
    }
    let (way, target) = way(port, head.dst);
    let action = frame.send(id, way, target)?;
    count::forwarded(ingress, size);
    count::sent(id, size);
    if let Some(flow) = flow {
        flow.keep(nanos, ingress, id, port, (way, target));
    }
    Ok(action)
}
