//! The TC hook: frames as socket buffers, GSO and checksum offload intact.
#![expect(
    unsafe_code,
    reason = "reads the socket buffer's context and calls BPF helpers"
)]

use aya_ebpf::{
    Global,
    bindings::{BPF_F_INGRESS, TC_ACT_REDIRECT, TC_ACT_SHOT},
    programs::TcContext,
};
use netbridge_common::{
    FrameHead, FrameSize, PortConf, PortFlags, PortId, Settings,
    decide::{Copies, DropReason, FloodKind, FrameVlan, TagAction, Way, snoop::Limit},
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
    gso,
    vlan::Tag,
};

use crate::{
    features,
    guard::guard_tc,
    mirror, packet,
    pipeline::{self, Flood, Frontend},
    probe::probe_tc,
    proxy::{answer_tc, ask_tc, make_answer},
    skb::{redirect, redirect_peer, retag},
    snoop::{self, Place},
    table,
    verifier::forget,
    walk,
};

/// 1 where `bpf_redirect_peer` leaves the packet type alone (kernels before 6.15), so that the
/// receiving stack would take a bridged frame for somebody else's. Set at load.
#[unsafe(no_mangle)]
static FIX_PACKET_TYPE: Global<u32> = Global::new(0);

/// `PACKET_HOST` of `linux/if_packet.h`.
const PACKET_HOST: u32 = 0;

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
    if let Some(from) = walk::place(frame.mark()) {
        return frame.resume(from);
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
        let flood = Flood {
            settings,
            from: (ingress, port.flags),
            head,
            vlan,
            size,
            limit,
        };
        walk::flood(self.ctx, self.ifindex, &flood, from)
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
        walk::flood(self.ctx, self.ifindex, flood, 0)
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
