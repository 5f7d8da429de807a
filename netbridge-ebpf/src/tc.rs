//! The TC hook: frames as socket buffers, GSO and checksum offload intact.
#![expect(
    unsafe_code,
    reason = "reads the socket buffer's context and calls BPF helpers"
)]

use core::ffi::c_void;

use aya_ebpf::{
    Global,
    bindings::{__sk_buff, BPF_F_INGRESS, TC_ACT_REDIRECT, TC_ACT_SHOT},
    helpers::bpf_loop,
    programs::TcContext,
};
use netbridge_common::{
    FrameHead, FrameSize, PortConf, PortFlags, PortId, Settings,
    counters::DROP_SLOTS,
    decide::{
        Copies, DropReason, FloodKind, FrameVlan, TagAction, TagForm, Way, flood_egress,
        snoop::Limit,
    },
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
    gso,
    vlan::Tag,
};

use crate::{
    count, features,
    guard::guard_tc,
    meter, mirror, packet,
    pipeline::{self, Flood, Frontend},
    probe::probe_tc,
    proxy::{answer_tc, ask_tc, make_answer},
    skb::{clone_redirect, entrance, redirect, redirect_peer, retag},
    snoop::{self, Place},
    table,
    verifier::forget,
};

/// 1 where `bpf_redirect_peer` leaves the packet type alone (kernels before 6.15), so that the
/// receiving stack would take a bridged frame for somebody else's. Set at load.
#[unsafe(no_mangle)]
static FIX_PACKET_TYPE: Global<u32> = Global::new(0);

/// `PACKET_HOST` of `linux/if_packet.h`.
const PACKET_HOST: u32 = 0;

/// Copies that one run of the program makes. Each waits in the CPU's backlog, which holds 1,000
/// unless told otherwise: a longer flood goes on after those have been taken out.
const FLOOD_CHUNK: u32 = 256;
/// The same where each may be mirrored.
const MIRRORED_CHUNK: u32 = 128;

/// Upper half of the mark of a frame that is being flooded in chunks; the lower half is the place
/// in the flood list. Marks from other namespaces never get here: veth clears them. One that a
/// privileged process of the host sets on its own frames would skip ports; it could do worse.
const FLOOD_MARK: u32 = 0x6e62_0000;
const FLOOD_MARK_MASK: u32 = 0xffff_0000;

/// A frame at TC ingress.
pub struct TcFrame<'a> {
    ctx: &'a TcContext,
    /// Read once: the compiler would share the field's address between two reads, and the verifier
    /// allows no arithmetic on the context.
    ifindex: u32,
    /// Reckoned once, at first: the verifier walks through it for every state that there is by then.
    size: FrameSize,
}

/// Runs the pipeline on a frame, or goes on with a flood that was too long for one run.
#[inline(always)]
pub fn run(ctx: &TcContext) -> i32 {
    let mut frame = TcFrame::new(ctx);
    let mark = frame.mark();
    if mark & FLOOD_MARK_MASK == FLOOD_MARK {
        return frame.resume(mark & !FLOOD_MARK_MASK);
    }
    pipeline::run(&mut frame)
}

impl<'a> TcFrame<'a> {
    #[inline(always)]
    fn new(ctx: &'a TcContext) -> Self {
        // SAFETY: the context is valid while the program runs.
        let ifindex = unsafe { (*ctx.skb.skb).ifindex };
        let mut frame = Self {
            ctx,
            ifindex,
            size: FrameSize::single(0),
        };
        frame.size = frame.size_with_tag();
        frame
    }

    #[inline(always)]
    fn mark(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*self.ctx.skb.skb).mark }
    }

    /// The TPID of a tag that the kernel has taken out of the frame and keeps beside it; where there
    /// is one, the `EtherType` in the frame is that of what is behind the tag.
    #[inline(always)]
    fn tpid(&self) -> Option<u16> {
        // SAFETY: the context is valid while the program runs.
        if unsafe { (*self.ctx.skb.skb).vlan_present } == 0 {
            return None;
        }
        // SAFETY: as above.
        let proto = unsafe { (*self.ctx.skb.skb).vlan_proto };
        let [first, second, ..] = proto.to_ne_bytes();
        Some(u16::from_be_bytes([first, second]))
    }

    /// What the buffer holds, as the frames it stands for.
    #[inline(always)]
    fn wire_size(&self) -> FrameSize {
        let len = self.ctx.len();
        // SAFETY: the context is valid while the program runs.
        let gso_size = unsafe { (*self.ctx.skb.skb).gso_size };
        if gso_size == 0 {
            return FrameSize::single(len);
        }
        // SAFETY: the context is valid while the program runs.
        let gso_segs = unsafe { (*self.ctx.skb.skb).gso_segs };
        let header_len = gso::header_len(|at| self.ctx.load(at as usize).ok());
        gso::size(
            len,
            gso_size,
            gso_segs,
            header_len.unwrap_or(ETH_HEADER_LEN),
        )
    }

    /// The same with the tag that is on the wire, though not in the buffer; against the MTU it does not
    /// count.
    #[inline(always)]
    fn size_with_tag(&self) -> FrameSize {
        let mut size = self.wire_size();
        if self.tpid().is_some() {
            let tags = size.frames.wrapping_mul(VLAN_TAG_LEN);
            size.bytes = size.bytes.wrapping_add(tags);
        }
        if !features::vlan() {
            return size;
        }
        FrameSize {
            frames: forget(size.frames),
            bytes: forget(size.bytes),
            largest: forget(size.largest),
        }
    }

    /// Goes on with a flood at `from` in the flood list.
    #[inline(always)]
    fn resume(&mut self, from: u32) -> i32 {
        let (Some(settings), Some(head)) = (table::settings(), self.head()) else {
            return self.discard();
        };
        let ingress = table::port_of(self.ifindex());
        let Some(port) = table::port(ingress) else {
            return self.discard();
        };

        let Ok(vlan) = pipeline::vlan_of(self, settings, ingress, port) else {
            return self.discard();
        };
        let size = self.size();
        let kind = FloodKind::of(head.dst);
        let limit = pipeline::limit_of(self, settings, kind, (ingress, vlan.vid), false);
        self.ctx.set_mark(0);
        self.flood_from(
            &Flood {
                settings,
                from: (ingress, port.flags),
                head,
                vlan,
                size,
                limit,
            },
            from,
        )
    }

    /// Floods to a chunk of the list; the last copy is the frame itself.
    #[inline(always)]
    fn flood_from(&mut self, flood: &Flood<'_>, from: u32) -> i32 {
        let list = flood.settings.flood_list;
        let mut walk = Walk {
            skb: self.ctx.skb.skb,
            at: list.start.wrapping_add(from),
            from: flood.from,
            waiting: PortId::NONE,
            tag: 0,
            head: flood.head,
            vlan: flood.vlan,
            form: forget(flood.vlan.form() as u32),
            size: flood.size,
            limit: flood.limit,
        };
        let rest = list.len.saturating_sub(from);
        let most = if features::mirror() {
            MIRRORED_CHUNK
        } else {
            FLOOD_CHUNK
        };
        let chunk = rest.min(most);
        let context = (&raw mut walk).cast();
        // SAFETY: `step` has the shape of a loop callback, and `walk` outlives the loop.
        unsafe { bpf_loop(chunk, step as *mut c_void, context, 0) };
        if rest <= most {
            return walk.last();
        }
        walk.copy();
        // The next run finds its VLAN as this one did.
        if walk.take_form(flood.vlan.form()).is_err() {
            return TC_ACT_SHOT;
        }
        let next = from.wrapping_add(most);
        self.ctx.set_mark(FLOOD_MARK | (next & !FLOOD_MARK_MASK));
        redirect(self.ifindex(), u64::from(BPF_F_INGRESS))
    }
}

/// What is beyond all drop reasons: the copy may go out.
const WANTED: u32 = DROP_SLOTS as u32;

/// A flood on its way through the flood list. One port always waits for its copy, so that the last
/// one can have the frame itself.
struct Walk {
    skb: *mut __sk_buff,
    at: u32,
    /// The ingress port and its switches.
    from: (PortId, PortFlags),
    waiting: PortId,
    /// The waiting port's [`TagAction`], as a number.
    tag: u32,
    head: FrameHead,
    vlan: FrameVlan,
    /// How the frame is tagged now, a [`TagForm`] as a number.
    form: u32,
    size: FrameSize,
    limit: Limit,
}

/// Looks at one port of the list; a callback of `bpf_loop`, so that the verifier looks at it once.
unsafe extern "C" fn step(_index: u32, walk: *mut Walk) -> i64 {
    // SAFETY: `flood_from` passes a pointer to its own variable.
    unsafe { (*walk).step() }
    0
}

impl Walk {
    #[inline(always)]
    fn step(&mut self) {
        let at = self.at;
        self.at = at.wrapping_add(1);
        let Some(id) = table::flood_port(at) else {
            return;
        };
        let Some(port) = table::port(id) else {
            return;
        };
        // A port outside the VLAN is outside the flood domain.
        let Some(Ok(tag)) = table::settings().map(|s| pipeline::tag_at(s, id, self.vlan)) else {
            return;
        };
        let (head, place) = (&self.head, Place::new(id, self.vlan.vid));
        let is_member = |limit, place| snoop::member_tc(self.skb, limit, place);
        let Some(kind) = pipeline::kind_at(head, self.limit, place, is_member) else {
            return;
        };
        let allowed = flood_egress(self.from, (id, port), kind, self.size);
        let tag = forget(tag.to_raw());
        let allowed = allowed.and_then(|wanted| {
            if wanted {
                meter::egress((id, port), self.size, TagAction::from_raw(tag))?;
            }
            Ok(wanted)
        });
        // As a number of which the verifier knows nothing: it walks through the rest once, not once for
        // every way to get here.
        let outcome = match allowed {
            Ok(true) => WANTED,
            Ok(false) => WANTED.wrapping_add(1),
            Err(reason) => reason as u32,
        };
        let outcome = forget(outcome);
        if outcome == WANTED {
            self.copy();
            self.waiting = id;
            self.tag = tag;
        } else if outcome < WANTED {
            count::copy_dropped(id, self.size, outcome);
        }
    }

    /// Sends a copy to the port that waits.
    #[inline(always)]
    fn copy(&mut self) {
        let Some(port) = self.waiting_port() else {
            return;
        };
        let (ifindex, flags) = entrance(port);
        let dressed = self.dress();
        if dressed.is_ok() && clone_redirect(self.skb, ifindex, flags) {
            self.count(port);
            self.mirror(port);
        } else {
            count::flood_dropped(self.waiting, self.size, DropReason::RedirectFailed);
        }
    }

    /// Tags the frame as the port that waits wants it.
    #[inline(always)]
    fn dress(&mut self) -> Result<(), DropReason> {
        self.take_form(self.vlan.form_after(TagAction::from_raw(self.tag)))
    }

    /// Tags the frame in one of its forms.
    #[inline(always)]
    fn take_form(&mut self, form: TagForm) -> Result<(), DropReason> {
        if !features::vlan() {
            return Ok(());
        }
        let settings = table::settings().ok_or(DropReason::RedirectFailed)?;
        let change = self.vlan.change(TagForm::from_raw(self.form), form);
        self.form = forget(form as u32);
        let change = TagAction::from_raw(forget(change.to_raw()));
        retag(self.skb, settings.vlan_protocol, change)
    }

    /// Counts a copy that went to the port that waits.
    #[inline(always)]
    fn count(&self, port: &PortConf) {
        let size = pipeline::resized(TagAction::from_raw(self.tag), self.size);
        count::flood_sent(self.waiting, port, &self.head, size);
        count::vlan_sent(self.vlan.vid, size);
    }

    /// Mirrors a copy that goes to the port that waits.
    #[inline(always)]
    fn mirror(&self, port: &PortConf) {
        let copies = mirror::outgoing((self.waiting, port), self.vlan.vid);
        if features::mirror() {
            let size = pipeline::resized(TagAction::from_raw(self.tag), self.size);
            mirror::send(self.skb, copies, size);
        }
    }

    /// Sends the frame itself to the port that waits.
    #[inline(always)]
    fn last(&mut self) -> i32 {
        let Some(port) = self.waiting_port() else {
            return TC_ACT_SHOT;
        };
        if let Err(reason) = self.dress() {
            count::flood_dropped(self.waiting, self.size, reason);
            return TC_ACT_SHOT;
        }
        let (ifindex, flags) = entrance(port);
        self.count(port);
        self.mirror(port);
        redirect(ifindex, flags)
    }

    #[inline(always)]
    fn waiting_port(&self) -> Option<&'static PortConf> {
        if self.waiting == PortId::NONE {
            None
        } else {
            table::port(self.waiting)
        }
    }
}

impl Frontend for TcFrame<'_> {
    type Action = i32;
    const HAS_ABOVE: bool = false;

    #[inline(always)]
    fn ifindex(&self) -> u32 {
        self.ifindex
    }

    #[inline(always)]
    fn head(&mut self) -> Option<FrameHead> {
        let mut head = packet::head(self.ctx.data(), self.ctx.data_end());
        if head.is_none() {
            self.ctx.pull_data(ETH_HEADER_LEN).ok()?;
            head = packet::head(self.ctx.data(), self.ctx.data_end());
        }
        let head = head?;
        Some(FrameHead {
            ethertype: self.tpid().unwrap_or(head.ethertype),
            ..head
        })
    }

    #[inline(always)]
    fn size(&self) -> FrameSize {
        self.size
    }

    #[inline(always)]
    fn is_first(&self, ingress: &PortConf) -> bool {
        !ingress.flags.contains(PortFlags::XDP_FIRST)
    }

    #[inline(always)]
    fn reaches(&self, _egress: &PortConf) -> bool {
        true
    }

    #[inline(always)]
    fn floods(&self, _settings: &Settings, _ingress: &PortConf) -> bool {
        true
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the kernel keeps 16 bits")]
    fn tag(&self) -> Tag {
        let Some(tpid) = self.tpid() else {
            return Tag::NONE;
        };
        // SAFETY: the context is valid while the program runs.
        let tci = unsafe { (*self.ctx.skb.skb).vlan_tci } as u16;
        Tag { tpid, tci }
    }

    #[inline(always)]
    fn probe_origin(&self, nonce: u64) -> PortId {
        PortId(probe_tc(self.ctx.skb.skb, nonce))
    }

    #[inline(always)]
    fn retag(&mut self, tpid: u16, action: TagAction) -> Result<(), DropReason> {
        retag(self.ctx.skb.skb, tpid, action)
    }

    #[inline(always)]
    fn addresses(&self) -> Option<([u32; 3], u16)> {
        let (addresses, ethertype) = packet::addresses(self.ctx.data(), self.ctx.data_end())?;
        Some((addresses, self.tpid().unwrap_or(ethertype)))
    }

    #[inline(always)]
    fn guard(&self, flags: PortFlags, port: PortId, vid: u16) -> u32 {
        // SAFETY: the program's own context.
        unsafe { guard_tc(self.ctx.skb.skb, flags.0, port.0, u32::from(vid)) }
    }

    #[inline(always)]
    fn ask(&self, vlan: FrameVlan) -> u32 {
        // A tag beside the frame that is not the bridge's own makes it somebody else's question.
        if self.tpid().is_some() != vlan.tagged {
            return 0;
        }
        // SAFETY: the program's own context.
        unsafe { ask_tc(self.ctx.skb.skb, vlan.vid.into(), ETH_HEADER_LEN) }
    }

    #[inline(always)]
    fn answer(&mut self, question: u32) -> u32 {
        make_answer(question);
        // SAFETY: the program's own context.
        unsafe { answer_tc(self.ctx.skb.skb, question) }
    }

    #[inline(always)]
    fn origin(&self) -> u32 {
        self.ifindex()
    }

    #[inline(always)]
    fn snoop(&self, port: PortId, vid: u16, learn: bool) -> Limit {
        let place = Place::new(port, vid);
        Limit(snoop::snoop_tc(self.ctx.skb.skb, place.0, learn.into()))
    }

    #[inline(always)]
    fn send(&mut self, _id: PortId, way: Way, target: u32) -> Result<i32, DropReason> {
        let action = match way {
            Way::Wire => redirect(target, 0),
            Way::Host => redirect(target, u64::from(BPF_F_INGRESS)),
            Way::Peer => {
                if FIX_PACKET_TYPE.load() != 0 && self.ctx.change_type(PACKET_HOST).is_err() {
                    return Err(DropReason::RedirectFailed);
                }
                redirect_peer(target)
            }
        };
        if action == TC_ACT_REDIRECT {
            Ok(action)
        } else {
            Err(DropReason::RedirectFailed)
        }
    }

    #[inline(always)]
    fn flood(&mut self, flood: &Flood<'_>) -> i32 {
        self.flood_from(flood, 0)
    }

    #[inline(always)]
    fn mirrors(&self) -> bool {
        true
    }

    #[inline(always)]
    fn mirror(&mut self, copies: Copies, size: FrameSize) {
        mirror::send(self.ctx.skb.skb, copies, size);
    }

    #[inline(always)]
    fn pass_up(&self) -> i32 {
        // Nothing is above: this hook reaches every port.
        TC_ACT_SHOT
    }

    #[inline(always)]
    fn discard(&self) -> i32 {
        TC_ACT_SHOT
    }
}
