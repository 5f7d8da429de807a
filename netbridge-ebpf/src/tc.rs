//! The TC hook: frames as socket buffers, GSO and checksum offload intact.
#![expect(
    unsafe_code,
    reason = "reads the socket buffer's context and calls BPF helpers"
)]

use core::ffi::c_void;

use aya_ebpf::{
    Global,
    bindings::{__sk_buff, BPF_F_INGRESS, TC_ACT_REDIRECT, TC_ACT_SHOT},
    helpers::{bpf_clone_redirect, bpf_loop, bpf_redirect, bpf_redirect_peer},
    programs::TcContext,
};
use netbridge_common::{
    FrameHead, FrameSize, PortConf, PortFlags, PortId, Settings,
    decide::{DropReason, Way, flood_egress},
    frame::{ETH_HEADER_LEN, VLAN_TAG_LEN},
    gso,
};

use crate::{
    count, packet,
    pipeline::{self, Flood, Frontend},
    table,
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
        Self { ctx, ifindex }
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

    /// Goes on with a flood at `from` in the flood list.
    #[inline(always)]
    fn resume(&mut self, from: u32) -> i32 {
        let (Some(settings), Some(head)) = (table::settings(), self.head()) else {
            return self.discard();
        };
        let ingress = table::port_of(self.ifindex());
        let size = self.size();
        self.ctx.set_mark(0);
        self.flood_from(
            &Flood {
                settings,
                ingress,
                head,
                size,
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
            ingress: flood.ingress,
            waiting: PortId::NONE,
            head: flood.head,
            size: flood.size,
        };
        let rest = list.len.saturating_sub(from);
        let chunk = rest.min(FLOOD_CHUNK);
        let context = (&raw mut walk).cast();
        // SAFETY: `step` has the shape of a loop callback, and `walk` outlives the loop.
        unsafe { bpf_loop(chunk, step as *mut c_void, context, 0) };
        if rest <= FLOOD_CHUNK {
            return walk.last();
        }
        walk.copy();
        let next = from.wrapping_add(FLOOD_CHUNK);
        self.ctx.set_mark(FLOOD_MARK | (next & !FLOOD_MARK_MASK));
        redirect(self.ifindex(), u64::from(BPF_F_INGRESS))
    }
}

/// A flood on its way through the flood list. One port always waits for its copy, so that the last
/// one can have the frame itself.
struct Walk {
    skb: *mut __sk_buff,
    at: u32,
    ingress: PortId,
    waiting: PortId,
    head: FrameHead,
    size: FrameSize,
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
        match flood_egress(self.ingress, id, port, self.size) {
            Ok(true) => {
                self.copy();
                self.waiting = id;
            }
            Ok(false) => {}
            Err(reason) => count::flood_dropped(id, self.size, reason),
        }
    }

    /// Sends a copy to the port that waits.
    #[inline(always)]
    fn copy(&self) {
        let Some(port) = self.waiting_port() else {
            return;
        };
        let (ifindex, flags) = entrance(port);
        // SAFETY: `skb` is the program's context.
        if unsafe { bpf_clone_redirect(self.skb, ifindex, flags) } == 0 {
            count::flood_sent(self.waiting, port, &self.head, self.size);
        } else {
            count::flood_dropped(self.waiting, self.size, DropReason::RedirectFailed);
        }
    }

    /// Sends the frame itself to the port that waits.
    #[inline(always)]
    fn last(&self) -> i32 {
        let Some(port) = self.waiting_port() else {
            return TC_ACT_SHOT;
        };
        let (ifindex, flags) = entrance(port);
        count::flood_sent(self.waiting, port, &self.head, self.size);
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

/// Interface and redirect flags by which frames reach a port: the wire, or the host's ingress.
#[inline(always)]
fn entrance(port: &PortConf) -> (u32, u64) {
    if port.flags.contains(PortFlags::HOST) {
        (port.deliver_ifindex, u64::from(BPF_F_INGRESS))
    } else {
        (port.ifindex, 0)
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the helper returns a TC action"
)]
fn redirect_peer(ifindex: u32) -> i32 {
    // SAFETY: the helper takes any number; the kernel checks it when it acts on it.
    unsafe { bpf_redirect_peer(ifindex, 0) as i32 }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the helper returns a TC action"
)]
fn redirect(ifindex: u32, flags: u64) -> i32 {
    // SAFETY: the helper takes any numbers; the kernel checks them when it acts on them.
    unsafe { bpf_redirect(ifindex, flags) as i32 }
}

impl Frontend for TcFrame<'_> {
    type Action = i32;

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
        let size = self.wire_size();
        if self.tpid().is_none() {
            return size;
        }
        // The tag is on the wire, though not in the buffer; against the MTU it does not count.
        FrameSize {
            bytes: size
                .bytes
                .wrapping_add(size.frames.wrapping_mul(VLAN_TAG_LEN)),
            ..size
        }
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
    fn floods(&self, _settings: &Settings) -> bool {
        true
    }

    #[inline(always)]
    fn addresses(&self) -> Option<([u32; 3], u16)> {
        let (addresses, ethertype) = packet::addresses(self.ctx.data(), self.ctx.data_end())?;
        Some((addresses, self.tpid().unwrap_or(ethertype)))
    }

    #[inline(always)]
    fn origin(&self) -> u32 {
        self.ifindex()
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
    fn pass_up(&self) -> i32 {
        // Nothing is above: this hook reaches every port.
        TC_ACT_SHOT
    }

    #[inline(always)]
    fn discard(&self) -> i32 {
        TC_ACT_SHOT
    }
}
