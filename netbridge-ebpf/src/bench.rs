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
    helpers::{bpf_ktime_get_ns, bpf_redirect_peer},
    macros::btf_map,
    programs::{TcContext, XdpContext},
};
use netbridge_common::bench::{BenchConf, BenchSent, BenchSink, SLOTS};

/// What the generator sends, by interface index. Written by userspace.
#[btf_map]
pub static BENCH_CONF: Array<BenchConf, { SLOTS as usize }> = Array::new();

/// What arrived, by interface index and CPU. Written by the sinks.
#[btf_map]
pub static BENCH_SINK: PerCpuArray<BenchSink, { SLOTS as usize }> = PerCpuArray::new();

/// How many frames a CPU has generated, by interface index. Written by the generator.
#[btf_map]
pub static BENCH_SENT: PerCpuArray<BenchSent, { SLOTS as usize }> = PerCpuArray::new();

/// Interfaces by their own index. Written by userspace.
#[btf_map]
pub static BENCH_PORTS: DevMap<{ SLOTS as usize }> = DevMap::new();

/// Octets of the two addresses.
const ADDRESSES: usize = 12;
/// Where the source's begin.
const SRC: usize = 6;
/// Places in an address: of the flow's high octet, of the station's number, of the flow's others.
const FLOW_HIGH: usize = 2;
const STATION: usize = 3;
const FLOW_LOW: usize = 4;

/// Most looks at the clock for one frame.
const LOOKS: u32 = 512;

/// Sends the frame back out, under the next flow's addresses and to the next station, as far as the
/// settings ask for those.
#[inline(always)]
pub fn generate(ctx: &XdpContext) -> u32 {
    // SAFETY: the context is valid while the program runs.
    let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    match BENCH_CONF.get(ifindex) {
        Some(conf) if conf.flows > 1 || conf.targets > 0 || conf.gap > 0 => {
            next(ctx, conf, ifindex)
        }
        _ => XDP_TX,
    }
}

#[inline(always)]
fn next(ctx: &XdpContext, conf: &BenchConf, ifindex: u32) -> u32 {
    let Some(sent) = BENCH_SENT.get_ptr_mut(ifindex) else {
        return XDP_DROP;
    };
    // SAFETY: per-CPU memory of an array map.
    let sent = unsafe { &mut *sent };
    let count = sent.frames;
    sent.frames = count.wrapping_add(1);
    if conf.gap > 0 {
        let due = conf.due(sent.due, nanos());
        sent.due = due.wrapping_add(u64::from(conf.gap));
        wait_until(due);
    }
    let data = ctx.data();
    if data.wrapping_add(ADDRESSES) > ctx.data_end() {
        return XDP_DROP;
    }
    if let Some(station) = conf.target(count) {
        // SAFETY: within the bounds checked above.
        unsafe { *(data.wrapping_add(STATION) as *mut u8) = station };
    }
    if let Some(flow) = conf.flow(count) {
        if conf.keep_dst == 0 {
            set_flow(data, flow);
        }
        if conf.keep_src == 0 {
            set_flow(data.wrapping_add(SRC), flow);
        }
    }
    XDP_TX
}

/// Writes a flow's number into an address, whose octets the caller has found within bounds.
#[inline(always)]
fn set_flow(address: usize, flow: u32) {
    let [low, middle, high, _] = flow.to_le_bytes();
    // SAFETY: the caller has checked the bounds.
    unsafe { *(address.wrapping_add(FLOW_HIGH) as *mut u8) = high };
    // SAFETY: as above.
    unsafe { *(address.wrapping_add(FLOW_LOW) as *mut [u8; 2]) = [middle, low] };
}

/// Waits, or leaves the rest of a long time to the frames after this one.
#[inline(always)]
fn wait_until(due: u64) {
    for _ in 0..LOOKS {
        if nanos() >= due {
            return;
        }
    }
}

#[inline(always)]
fn nanos() -> u64 {
    // SAFETY: the helper takes nothing and cannot fail.
    unsafe { bpf_ktime_get_ns() }
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
        if sink.gap > 0 {
            wait_until(nanos().wrapping_add(sink.gap));
        }
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
