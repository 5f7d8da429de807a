//! Programs of the benchmark: a generator of frames, sinks that count, and redirects that look
//! nothing up, which are the limits of the hooks.
#![expect(
    unsafe_code,
    reason = "reads contexts, writes packet memory, calls BPF helpers"
)]

use aya_ebpf::{
    bindings::{
        TC_ACT_SHOT,
        xdp_action::{XDP_DROP, XDP_TX},
    },
    btf_maps::{Array, DevMap, PerCpuArray},
    helpers::bpf_redirect_peer,
    macros::btf_map,
    programs::{TcContext, XdpContext},
};
use netbridge_common::bench::{BenchConf, BenchSink, SLOTS};

/// What the generator sends. Written by userspace.
#[btf_map]
pub static BENCH_CONF: Array<BenchConf, 1> = Array::new();

/// What arrived, by interface index and CPU. Written by the sinks.
#[btf_map]
pub static BENCH_SINK: PerCpuArray<BenchSink, { SLOTS as usize }> = PerCpuArray::new();

/// How many frames a CPU has generated. Written by the generator.
#[btf_map]
pub static BENCH_SENT: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Interfaces by their own index. Written by userspace.
#[btf_map]
pub static BENCH_PORTS: DevMap<{ SLOTS as usize }> = DevMap::new();

/// Octets of the two addresses, and of the places in them that tell flows apart.
const ADDRESSES: usize = 12;
const DST_FLOW: usize = 4;
const SRC_FLOW: usize = 10;

/// Sends the frame back out; with several flows, under the next flow's addresses.
#[inline(always)]
pub fn generate(ctx: &XdpContext) -> u32 {
    if let Some(conf) = BENCH_CONF.get(0)
        && conf.flows > 1
    {
        next_flow(ctx, conf);
    }
    XDP_TX
}

#[inline(always)]
fn next_flow(ctx: &XdpContext, conf: &BenchConf) {
    let Some(sent) = BENCH_SENT.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: per-CPU memory of an array map.
    let count = unsafe { *sent };
    // SAFETY: as above.
    unsafe { *sent = count.wrapping_add(1) };
    let Some(flow) = count.checked_rem(u64::from(conf.flows)) else {
        return;
    };
    let [low, high, ..] = flow.to_le_bytes();
    let data = ctx.data();
    if data.wrapping_add(ADDRESSES) > ctx.data_end() {
        return;
    }
    let word = [high, low];
    if conf.keep_dst == 0 {
        // SAFETY: within the bounds checked above.
        unsafe { *(data.wrapping_add(DST_FLOW) as *mut [u8; 2]) = word };
    }
    // SAFETY: within the bounds checked above.
    unsafe { *(data.wrapping_add(SRC_FLOW) as *mut [u8; 2]) = word };
}

/// Counts the frame at XDP and drops it.
#[inline(always)]
pub fn sink_xdp(ctx: &XdpContext) -> u32 {
    // SAFETY: the context is valid while the program runs.
    let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    count(ifindex, ctx.data_end().wrapping_sub(ctx.data()) as u64);
    XDP_DROP
}

/// Counts the frame at TC and drops it.
#[inline(always)]
pub fn sink_tc(ctx: &TcContext) -> i32 {
    // SAFETY: the context is valid while the program runs.
    let ifindex = unsafe { (*ctx.skb.skb).ifindex };
    count(ifindex, u64::from(ctx.len()));
    TC_ACT_SHOT
}

#[inline(always)]
fn count(ifindex: u32, bytes: u64) {
    if let Some(sink) = BENCH_SINK.get_ptr_mut(ifindex) {
        // SAFETY: per-CPU memory of an array map.
        let sink = unsafe { &mut *sink };
        sink.frames = sink.frames.wrapping_add(1);
        sink.bytes = sink.bytes.wrapping_add(bytes);
    }
}

/// Redirects at XDP to the other interface of the pair.
#[inline(always)]
pub fn static_xdp(ctx: &XdpContext) -> u32 {
    // SAFETY: the context is valid while the program runs.
    let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    BENCH_PORTS
        .redirect(ifindex ^ 1, u64::from(XDP_DROP))
        .unwrap_or(XDP_DROP)
}

/// Redirects at TC into the other station, past the pair's own queue.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the helper returns a TC action"
)]
pub fn static_tc(ctx: &TcContext) -> i32 {
    // SAFETY: the context is valid while the program runs.
    let ifindex = unsafe { (*ctx.skb.skb).ifindex };
    // SAFETY: the helper takes any numbers; the kernel checks them when it acts on them.
    unsafe { bpf_redirect_peer(ifindex ^ 1, 0) as i32 }
}
