//! The XDP hook: frames as driver buffers, before the kernel makes anything of them.
#![expect(unsafe_code, reason = "reads the XDP context and calls BPF helpers")]

use aya_ebpf::{
    bindings::{
        BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS,
        xdp_action::{XDP_DROP, XDP_PASS},
    },
    helpers::{bpf_xdp_adjust_head, bpf_xdp_get_buff_len},
    programs::XdpContext,
};
use netbridge_common::{
    FlowKey, FrameHead, FrameSize, PortConf, PortFlags, PortId, Settings,
    decide::{
        Copies, DropReason, FloodKind, FrameVlan, TagAction, Way, flood_egress, snoop::Limit,
    },
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
    vlan::Tag,
};

use crate::{
    count, features,
    guard::guard_xdp,
    maps::{XDP_FLOOD, XDP_PORTS},
    meter, packet,
    pipeline::{self, Flood, Frontend},
    probe::probe_xdp,
    proxy::{answer_xdp, ask_xdp, make_answer},
    snoop::{self, Place},
    table,
};

/// Longest frame that a broadcast redirect can copy: the copy must fit a page with its headroom
/// and the kernel's own header (`xdpf_clone()`).
const LARGEST_COPY: u32 = 3500;

/// Octets of a tag, as the head of a frame moves by them.
const TAG_LEN: i32 = VLAN_TAG_LEN.cast_signed();

/// A frame at XDP.
pub struct XdpFrame<'a> {
    ctx: &'a XdpContext,
    /// Read once: the compiler would share the field's address between two reads, and the verifier
    /// allows no arithmetic on the context.
    ifindex: u32,
}

/// Runs the pipeline on a frame.
#[inline(always)]
pub fn run(ctx: &XdpContext) -> u32 {
    pipeline::run(&mut XdpFrame::new(ctx))
}

/// Decides about one copy of a flood on its way out of a port, and counts it there.
#[inline(always)]
pub fn run_egress(ctx: &XdpContext) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let ingress = table::port_of(frame.ifindex());
    // SAFETY: the context is valid while the program runs.
    let id = table::port_of(unsafe { (*ctx.ctx).egress_ifindex });
    let (Some(settings), Some(from)) = (table::settings(), table::port(ingress)) else {
        return XDP_DROP;
    };
    let (Some(port), Some(head)) = (table::port(id), frame.head()) else {
        return XDP_DROP;
    };
    let size = frame.size();
    let vlan = pipeline::vlan_of(&frame, settings, ingress, from);
    // A port outside the VLAN is outside the flood domain: no copy was for it.
    let Ok(tag) = vlan.and_then(|vlan| pipeline::tag_at(settings, id, vlan)) else {
        return XDP_DROP;
    };
    let vid = vlan.map_or(0, |vlan| vlan.vid);
    let kind = FloodKind::of(head.dst);
    let limit = pipeline::limit_of(&frame, settings, kind, (ingress, vid), false);
    let is_member = |limit, place| snoop::member_xdp(ctx.ctx, limit, place);
    let Some(kind) = pipeline::kind_at(&head, limit, Place::new(id, vid), is_member) else {
        return XDP_DROP;
    };
    match flood_egress((ingress, from.flags), (id, port), kind, size) {
        Ok(true) => {}
        Ok(false) => return XDP_DROP,
        Err(reason) => {
            count::flood_dropped(id, size, reason);
            return XDP_DROP;
        }
    }
    if let Err(reason) = meter::egress((id, port), size, tag) {
        count::flood_dropped(id, size, reason);
        return XDP_DROP;
    }
    if features::vlan() {
        return frame.leave(settings, (id, port), &head, size, (vid, tag));
    }
    count::flood_sent(id, port, &head, size);
    XDP_PASS
}

impl<'a> XdpFrame<'a> {
    #[inline(always)]
    fn new(ctx: &'a XdpContext) -> Self {
        // SAFETY: the context is valid while the program runs.
        let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
        Self { ctx, ifindex }
    }

    /// Lets a copy of a flood out with its tag, and counts it.
    #[inline(always)]
    fn leave(
        &mut self,
        settings: &Settings,
        (id, port): (PortId, &PortConf),
        head: &FrameHead,
        size: FrameSize,
        (vid, tag): (u16, TagAction),
    ) -> u32 {
        if let Err(reason) = self.retag(settings.vlan_protocol, tag) {
            count::flood_dropped(id, size, reason);
            return XDP_DROP;
        }
        let size = tag.resize(size);
        count::flood_sent(id, port, head, size);
        count::vlan_sent(vid, size);
        XDP_PASS
    }

    /// Makes the frame shorter, or longer, at its beginning.
    #[inline(always)]
    fn adjust_head(&self, by: i32) -> Result<(), DropReason> {
        // SAFETY: the context is valid while the program runs; pointers are read anew after it.
        match unsafe { bpf_xdp_adjust_head(self.ctx.ctx, by) } {
            0 => Ok(()),
            _ => Err(DropReason::RedirectFailed),
        }
    }

    /// Shifts the addresses by a tag's length; `by` is what the head of the frame moves.
    #[inline(always)]
    fn shift_addresses(&self, by: i32) -> Result<(), DropReason> {
        let (addresses, _) = self.addresses().ok_or(DropReason::Malformed)?;
        self.adjust_head(by)?;
        if packet::write_addresses(self.ctx.data(), self.ctx.data_end(), addresses) {
            Ok(())
        } else {
            Err(DropReason::Malformed)
        }
    }

    #[inline(always)]
    fn write_tag(&self, tpid: u16, tci: u16) -> Result<(), DropReason> {
        let tag = Tag { tpid, tci };
        if packet::write_tag(self.ctx.data(), self.ctx.data_end(), tag) {
            Ok(())
        } else {
            Err(DropReason::Malformed)
        }
    }

    /// Octets in the first buffer.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a buffer is no larger than a page"
    )]
    fn linear_len(&self) -> u32 {
        self.ctx.data_end().wrapping_sub(self.ctx.data()) as u32
    }

    /// Octets in all buffers.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a frame is at most some 70 KiB"
    )]
    fn len(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { bpf_xdp_get_buff_len(self.ctx.ctx) as u32 }
    }
}

impl Frontend for XdpFrame<'_> {
    type Action = u32;
    const HAS_ABOVE: bool = true;

    #[inline(always)]
    fn ifindex(&self) -> u32 {
        self.ifindex
    }

    #[inline(always)]
    fn head(&mut self) -> Option<FrameHead> {
        packet::head(self.ctx.data(), self.ctx.data_end())
    }

    #[inline(always)]
    fn size(&self) -> FrameSize {
        FrameSize::single(self.len())
    }

    #[inline(always)]
    fn is_first(&self, _ingress: &PortConf) -> bool {
        true
    }

    #[inline(always)]
    fn reaches(&self, egress: &PortConf) -> bool {
        egress.flags.contains(PortFlags::XDP_TARGET)
    }

    #[inline(always)]
    fn floods(&self, settings: &Settings, ingress: &PortConf) -> bool {
        let len = self.len();
        // The kernel leaves out the port that the frame came in on; where it must not, TC floods.
        settings.xdp_floods != 0
            && !ingress.flags.contains(PortFlags::HAIRPIN)
            && len <= LARGEST_COPY
            && len == self.linear_len()
    }

    #[inline(always)]
    fn tag(&self) -> Tag {
        packet::tag(self.ctx.data(), self.ctx.data_end())
    }

    #[inline(always)]
    fn probe_origin(&self, nonce: u64) -> PortId {
        PortId(probe_xdp(self.ctx.ctx, nonce))
    }

    #[inline(always)]
    fn retag(&mut self, tpid: u16, action: TagAction) -> Result<(), DropReason> {
        match action {
            TagAction::Keep => Ok(()),
            TagAction::Pop => self.shift_addresses(TAG_LEN),
            TagAction::Push(tci) => {
                self.shift_addresses(-TAG_LEN)?;
                self.write_tag(tpid, tci)
            }
            TagAction::Rewrite(tci) => self.write_tag(tpid, tci),
        }
    }

    #[inline(always)]
    fn addresses(&self) -> Option<([u32; 3], u16)> {
        packet::addresses(self.ctx.data(), self.ctx.data_end())
    }

    #[inline(always)]
    fn guard(&self, flags: PortFlags, port: PortId, vid: u16) -> u32 {
        // SAFETY: the program's own context.
        unsafe { guard_xdp(self.ctx.ctx, flags.0, port.0, u32::from(vid)) }
    }

    #[inline(always)]
    fn ask(&self, vlan: FrameVlan) -> u32 {
        let tags = u32::from(vlan.tagged).wrapping_mul(VLAN_TAG_LEN);
        let at = ETH_HEADER_LEN.wrapping_add(tags);
        // SAFETY: the program's own context.
        unsafe { ask_xdp(self.ctx.ctx, vlan.vid.into(), at) }
    }

    #[inline(always)]
    fn answer(&mut self, question: u32) -> u32 {
        make_answer(question);
        // SAFETY: the program's own context.
        unsafe { answer_xdp(self.ctx.ctx, question) }
    }

    #[inline(always)]
    fn origin(&self) -> u32 {
        self.ifindex() | FlowKey::XDP
    }

    #[inline(always)]
    fn snoop(&self, port: PortId, vid: u16, learn: bool) -> Limit {
        let place = Place::new(port, vid);
        Limit(snoop::snoop_xdp(self.ctx.ctx, place.0, learn.into()))
    }

    #[inline(always)]
    fn send(&mut self, id: PortId, _way: Way, _target: u32) -> Result<u32, DropReason> {
        XDP_PORTS
            .redirect(id.0, u64::from(XDP_DROP))
            .or(Err(DropReason::RedirectFailed))
    }

    #[inline(always)]
    fn flood(&mut self, _flood: &Flood<'_>) -> u32 {
        let flags = u64::from(BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
        match XDP_FLOOD.get(0) {
            Some(ports) => ports.redirect(0, flags).unwrap_or(XDP_DROP),
            None => XDP_DROP,
        }
    }

    #[inline(always)]
    fn mirrors(&self) -> bool {
        // XDP has one frame and no way to make two.
        false
    }

    #[inline(always)]
    fn mirror(&mut self, _copies: Copies, _size: FrameSize) {}

    #[inline(always)]
    fn pass_up(&self) -> u32 {
        XDP_PASS
    }

    #[inline(always)]
    fn discard(&self) -> u32 {
        XDP_DROP
    }
}
