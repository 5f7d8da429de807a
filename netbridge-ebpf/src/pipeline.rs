//! The path of every frame: parse, admit, learn, lookup, forward, egress, verdict.

use core::hint::black_box;

use netbridge_common::{
    EventKind, FdbKey, FlowChecks, FrameHead, FrameSize, Mode, PortConf, PortFlags, PortId,
    Settings, Ticks,
    decide::{
        Copies, DropReason, FloodKind, Forward, FrameVlan, TagAction, Way, admit, classify, egress,
        egress_tag,
        guard::{self, PASS},
        snoop::{Limit, Target},
        way,
    },
    probe::PROBE_GROUP,
    vlan::{Tag, VID_NONE},
};

use crate::{
    clock, count, features,
    flow::Flow,
    learn, meter, mirror, notify, proxy,
    snoop::{self, Place},
    table,
    verifier::forget,
};

/// What a hook provides: reading the frame, and carrying a verdict out.
pub trait Frontend {
    /// What the program returns to the kernel.
    type Action;
    /// Whether there is another hook to leave a frame to.
    const HAS_ABOVE: bool;

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
    /// Says whether this hook can flood this frame from `ingress`.
    fn floods(&self, settings: &Settings, ingress: &PortConf) -> bool;
    /// The outermost tag, in the frame or beside it.
    fn tag(&self) -> Tag;
    /// The port that this frame went out of, where it is a probe with this nonce.
    fn probe_origin(&self, nonce: u64) -> PortId;
    /// Takes the tag away, changes it, or puts one with this TPID on.
    fn retag(&mut self, tpid: u16, action: TagAction) -> Result<(), DropReason>;
    /// Both addresses and the `EtherType` as they stand in the frame.
    fn addresses(&self) -> Option<([u32; 3], u16)>;
    /// Asks the guard of the port that the frame came in on, see [`crate::guard`].
    fn guard(&self, flags: PortFlags, port: PortId, vid: u16) -> u32;
    /// Looks whether the frame is a question, see [`crate::proxy`].
    fn ask(&self, vlan: FrameVlan) -> u32;
    /// Makes the question that was found the answer to it.
    fn answer(&mut self, question: u32) -> u32;
    /// Where the frame came in, as [`netbridge_common::FlowKey::new`] takes it.
    fn origin(&self) -> u32;
    /// Looks into a frame for a group that came in by `port`; the database takes up what it says where
    /// `learn` says so.
    fn snoop(&self, port: PortId, vid: u16, learn: bool) -> Limit;
    /// Hands the frame to one port, in the way that `decide::way` chose.
    fn send(&mut self, id: PortId, way: Way, target: u32) -> Result<Self::Action, DropReason>;
    /// Hands copies to all ports but `ingress`, counting each on its port.
    fn flood(&mut self, flood: &Flood<'_>) -> Self::Action;
    /// Says whether this hook can make copies for mirrors.
    fn mirrors(&self) -> bool;
    /// Hands copies of the frame as it is to the targets of mirrors, counting each there.
    fn mirror(&mut self, copies: Copies, size: FrameSize);
    /// Leaves the frame, uncounted, to the other hook of the port.
    fn pass_up(&self) -> Self::Action;
    /// Drops the frame.
    fn discard(&self) -> Self::Action;
}

/// A frame on its way to all other ports.
pub struct Flood<'a> {
    /// The bridge's settings.
    pub settings: &'a Settings,
    /// The port that the frame came in on, and its switches.
    pub from: (PortId, PortFlags),
    /// The frame's header.
    pub head: FrameHead,
    /// Its VLAN.
    pub vlan: FrameVlan,
    /// The frame's size.
    pub size: FrameSize,
    /// Which of those ports it is for.
    pub limit: Limit,
}

/// Decides about a frame, counts it, and has the verdict carried out.
#[inline(always)]
pub fn run<F: Frontend>(frame: &mut F) -> F::Action {
    let Some(settings) = table::settings() else {
        return frame.discard();
    };
    let flow = Flow::new(frame, settings);
    if let Some(action) = again(frame, settings, &flow) {
        return action;
    }
    let nanos = clock::nanos();
    let ingress = table::port_of(frame.ifindex());
    match verdict(frame, settings, ingress, nanos, &flow) {
        Ok(action) => action,
        Err(reason) => {
            // The verifier would walk through the counting once for every reason.
            let slot = forget(reason as u32);
            count::dropped(ingress, frame.size(), slot);
            frame.discard()
        }
    }
}

/// Sends a frame where the last one of its flow went; `None` where it must be decided anew.
#[inline(always)]
fn again<F: Frontend>(frame: &mut F, settings: &Settings, flow: &Flow) -> Option<F::Action> {
    let entry = flow.verdict()?;
    let size = frame.size();
    if !entry.takes(size) {
        return None;
    }
    if features::guard() && entry.checks.contains(FlowChecks::GUARD) {
        let port = table::port(entry.ingress)?;
        let answer = frame.guard(port.flags, entry.ingress, entry.vid);
        if answer != PASS {
            count::dropped(entry.ingress, size, answer);
            return Some(frame.discard());
        }
    }
    let tag = TagAction::from_raw(entry.tag_action);
    if let Err(reason) = meter::kept(entry, size) {
        count::dropped(entry.ingress, size, forget(reason as u32));
        return Some(frame.discard());
    }
    let sent = retag(frame, settings, tag)
        .and_then(|()| frame.send(entry.egress, entry.way(), entry.target));
    let Ok(action) = sent else {
        count::dropped(entry.ingress, size, DropReason::RedirectFailed as u32);
        return Some(frame.discard());
    };
    delivered((entry.ingress, entry.egress), entry.vid, size, tag);
    Some(action)
}

/// Does what is to be done with the tag; nothing on a bridge that filters no VLANs.
#[inline(always)]
pub fn retag<F: Frontend>(
    frame: &mut F,
    settings: &Settings,
    action: TagAction,
) -> Result<(), DropReason> {
    if !features::vlan() || action == TagAction::Keep {
        return Ok(());
    }
    frame.retag(settings.vlan_protocol, action)
}

/// The size of a frame that left with its tag treated so.
#[inline(always)]
pub fn resized(action: TagAction, size: FrameSize) -> FrameSize {
    if features::vlan() {
        action.resize(size)
    } else {
        size
    }
}

/// Counts a frame that came in by one port and left by another.
#[inline(always)]
fn delivered((ingress, egress): (PortId, PortId), vid: u16, size: FrameSize, tag: TagAction) {
    let sent = resized(tag, size);
    count::forwarded(ingress, size);
    count::sent(egress, sent);
    count::vlan_received(vid, size);
    count::vlan_sent(vid, sent);
}

/// The VLAN of a frame; of no consequence on a bridge that filters none.
#[inline(always)]
pub fn vlan_of<F: Frontend>(
    frame: &F,
    settings: &Settings,
    ingress: PortId,
    port: &PortConf,
) -> Result<FrameVlan, DropReason> {
    if !features::vlan() {
        return Ok(FrameVlan::default());
    }
    let mut vlan = FrameVlan::default();
    if settings.vlan_filtering != 0 {
        let vlans = table::vlans(ingress).ok_or(DropReason::PortDisabled)?;
        vlan = classify(settings, port, vlans, frame.tag())?;
    }
    Ok(FrameVlan::from_raw(forget(vlan.to_raw())))
}

/// The tag that a frame leaves by port `id` with.
#[inline(always)]
pub fn tag_at(settings: &Settings, id: PortId, vlan: FrameVlan) -> Result<TagAction, DropReason> {
    if !features::vlan() {
        return Ok(TagAction::Keep);
    }
    let mut action = TagAction::Keep;
    // A frame that came in before VLANs were filtered leaves so, too.
    if settings.vlan_filtering != 0 && vlan.vid != VID_NONE {
        let vlans = table::vlans(id).ok_or(DropReason::EgressDown)?;
        action = egress_tag(vlans, vlan)?;
    }
    Ok(TagAction::from_raw(forget(action.to_raw())))
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
    let by_port = mirror::incoming((ingress, port));
    if !mirror::made(frame, by_port) {
        return Ok(frame.pass_up());
    }
    // In memory, where the compiler would else keep each of its octets in a word of the stack.
    let head = black_box(frame.head().ok_or(DropReason::Malformed)?);
    admit(port, &head, settings)?;
    if features::loops() {
        look_for_probe(frame, settings, ingress, &head)?;
    }
    let vlan = vlan_of(frame, settings, ingress, port)?;
    let by_vlan = mirror::admitted((ingress, port), vlan.vid);
    if !mirror::made(frame, by_vlan) {
        return Ok(frame.pass_up());
    }
    meter::ingress(frame, (ingress, port))?;
    if features::guard() && port.flags.intersects(PortFlags::GUARDED) {
        guard::outcome(frame.guard(port.flags, ingress, vlan.vid))?;
    }
    let (to, learned) = match settings.mode() {
        Mode::Hub => {
            learn::admit_to_hub(settings, (ingress, port), &head, vlan.vid, now)?;
            (Forward::Flood(FloodKind::of(head.dst)), false)
        }
        Mode::Bridge => learn::locate(frame, settings, (ingress, port), &head, vlan.vid, now)?,
    };
    if !port.state().forwards() {
        return Err(DropReason::PortDisabled);
    }
    match to {
        // A source that was refused is counted with every frame, so its flow is not kept.
        Forward::To(id) => {
            let route = Route {
                ingress,
                from: meter::switches(frame, port),
                id,
                vlan,
                nanos,
                copies: by_port.or(by_vlan),
            };
            unicast(frame, settings, &route, &head, learned.then_some(flow))
        }
        Forward::Flood(kind) => {
            if let Some(action) = proxy::answered(frame, settings, (ingress, port), kind, vlan)? {
                return Ok(action);
            }
            meter::storm(frame, (ingress, port), kind)?;
            let learn = frame.is_first(port);
            let limit = limit_of(frame, settings, kind, (ingress, vlan.vid), learn);
            if !frame.floods(settings, port) || !mirror::can_flood(frame, vlan.vid) {
                return Ok(frame.pass_up());
            }
            let size = frame.size();
            count::flooded(ingress, size);
            count::vlan_received(vlan.vid, size);
            Ok(frame.flood(&Flood {
                settings,
                from: (ingress, port.flags),
                head,
                vlan,
                size,
                limit,
            }))
        }
    }
}

/// Reports and drops a probe of the bridge's own that has come back.
#[inline(always)]
fn look_for_probe<F: Frontend>(
    frame: &F,
    settings: &Settings,
    ingress: PortId,
    head: &FrameHead,
) -> Result<(), DropReason> {
    if settings.loop_guard == 0 || head.dst != PROBE_GROUP {
        return Ok(());
    }
    let origin = frame.probe_origin(settings.loop_nonce);
    if origin == PortId::NONE {
        return Ok(());
    }
    let key = FdbKey::untagged(head.src);
    notify::event(EventKind::Loop, key, ingress, origin, settings.event_rate);
    Err(DropReason::Looped)
}

/// Which ports a frame that is flooded is for; all of them on a bridge that does not snoop.
#[inline(always)]
pub fn limit_of<F: Frontend>(
    frame: &F,
    settings: &Settings,
    kind: FloodKind,
    (ingress, vid): (PortId, u16),
    learn: bool,
) -> Limit {
    if !features::snoop()
        || settings.mcast_snooping == 0
        || settings.mode() == Mode::Hub
        || kind != FloodKind::Multicast
    {
        return Limit::NONE;
    }
    frame.snoop(ingress, vid, learn)
}

/// What kind of flood a frame is for a port; `None` where its limit leaves the port out.
#[inline(always)]
pub fn kind_at(
    head: &FrameHead,
    limit: Limit,
    place: Place,
    is_member: impl Fn(u32, u32) -> u32,
) -> Option<FloodKind> {
    if !features::snoop() || limit == Limit::NONE {
        return Some(FloodKind::of(head.dst));
    }
    let member = limit.target() == Target::Members && is_member(limit.0, place.0) != 0;
    let goes = member || snoop::snoop_router(limit.0, place.0) != 0;
    goes.then_some(FloodKind::Member)
}

/// From where to where a frame to a known station goes.
pub struct Route {
    /// The port that it came in on.
    pub ingress: PortId,
    /// That port's switches.
    pub from: PortFlags,
    /// The port that it leaves by.
    pub id: PortId,
    /// Its VLAN.
    pub vlan: FrameVlan,
    /// When the verdict was made.
    pub nanos: u64,
    /// The copies that were made of it as it came in.
    pub copies: Copies,
}

#[inline(always)]
fn unicast<F: Frontend>(
    frame: &mut F,
    settings: &Settings,
    route: &Route,
    head: &FrameHead,
    flow: Option<&Flow>,
) -> Result<F::Action, DropReason> {
    let port = table::port(route.id).ok_or(DropReason::EgressDown)?;
    let size = frame.size();
    egress(route.from, port, size)?;
    let tag = tag_at(settings, route.id, route.vlan)?;
    let copies = mirror::outgoing((route.id, port), route.vlan.vid);
    if !frame.reaches(port) || !mirror::can_make(frame, copies) {
        return Ok(frame.pass_up());
    }
    meter::egress((route.id, port), size, tag)?;
    let (way, target) = way(port, head.dst);
    retag(frame, settings, tag)?;
    mirror::make(frame, copies, resized(tag, size));
    let action = frame.send(route.id, way, target)?;
    delivered((route.ingress, route.id), route.vlan.vid, size, tag);
    // Mirrored flows are not kept.
    if let Some(flow) = flow
        && copies.or(route.copies).is_none()
    {
        flow.keep(route, port, (way, target), tag);
    }
    Ok(action)
}
