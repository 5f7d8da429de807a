//! Entry points of the benchmark's object.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "aya's macros emit each program in a module of its own"
)]
#![expect(
    unsafe_code,
    reason = "the licence goes into a section that the kernel reads"
)]

use aya_ebpf::{
    bindings::{TC_ACT_SHOT, xdp_action::XDP_DROP},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};

mod bench;

/// Sends the frame back out.
#[xdp(frags)]
pub fn bench_generate(ctx: XdpContext) -> u32 {
    bench::generate(&ctx)
}

/// Counts and drops at XDP.
#[xdp(frags)]
pub fn bench_sink_xdp(ctx: XdpContext) -> u32 {
    bench::sink_xdp(&ctx)
}

/// Counts and drops at TC.
#[classifier]
pub fn bench_sink_tc(ctx: TcContext) -> i32 {
    bench::sink_tc(&ctx)
}

/// Redirects at XDP without a lookup.
#[xdp(frags)]
pub fn bench_static_x(ctx: XdpContext) -> u32 {
    bench::static_xdp(&ctx)
}

/// Redirects at TC without a lookup.
#[classifier]
pub fn bench_static_t(ctx: TcContext) -> i32 {
    bench::static_tc(&ctx)
}

/// Does nothing at XDP: what is left is the cost of running a program.
#[xdp(frags)]
pub fn bench_empty_x(_: XdpContext) -> u32 {
    XDP_DROP
}

/// Does nothing at TC.
#[classifier]
pub fn bench_empty_t(_: TcContext) -> i32 {
    TC_ACT_SHOT
}

/// The licence that the kernel's GPL-only helpers ask for.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
pub static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
