//! The XDP hook: frames as driver buffers, before the kernel makes anything of them.
#![expect(unsafe_code, reason = "reads the XDP context and calls BPF helpers")]

use aya_ebpf::{
    bindings::{
        BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS,
        xdp_action::{XDP_DROP, XDP_PASS},
    },
    helpers::bpf_xdp_get_buff_len,
    programs::XdpContext,
};
use netbridge_common::{
    FlowKey, FrameHead, FrameSize, PortConf, PortFlags, PortId, Settings,
    decide::{DropReason, Way, flood_egress},
};

use crate::{
    count,
    maps::{XDP_FLOOD, XDP_PORTS},
    packet,
    pipeline::{self, Flood, Frontend},
    table,
};

/// Longest frame that a broadcast redirect can copy: the copy must fit a page with its headroom
/// and the kernel's own header (`xdpf_clone()`).
const LARGEST_COPY: u32 = 3500;

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
    let (Some(port), Some(head)) = (table::port(id), frame.head()) else {
        return XDP_DROP;
    };
    let size = frame.size();
    match flood_egress(ingress, id, port, size) {
        Ok(true) => {
            count::flood_sent(id, port, &head, size);
            XDP_PASS
        }
        Ok(false) => XDP_DROP,
        Err(reason) => {
            count::flood_dropped(id, size, reason);
            XDP_DROP
        }
    }
}

impl<'a> XdpFrame<'a> {
    #[inline(always)]
    fn new(ctx: &'a XdpContext) -> Self {
        // SAFETY: the context is valid while the program runs.
        let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
        Self { ctx, ifindex }
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
    fn floods(&self, settings: &Settings) -> bool {
        let len = self.len();
        settings.xdp_floods != 0 && len <= LARGEST_COPY && len == self.linear_len()
    }

    #[inline(always)]
    fn addresses(&self) -> Option<([u32; 3], u16)> {
        packet::addresses(self.ctx.data(), self.ctx.data_end())
    }

    #[inline(always)]
    fn origin(&self) -> u32 {
        self.ifindex() | FlowKey::XDP
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
    fn pass_up(&self) -> u32 {
        XDP_PASS
    }

    #[inline(always)]
    fn discard(&self) -> u32 {
        XDP_DROP
    }
}
