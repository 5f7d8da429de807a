//! Entry points of the eBPF object.
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
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use netbridge_ebpf::{tc, xdp as xdp_hook};

/// Decides about a frame at TC ingress of a port.
#[classifier]
#[inline(always)]
pub fn tc_ingress(ctx: TcContext) -> i32 {
    tc::run(&ctx)
}

/// Decides about a frame at XDP of a port.
#[xdp(frags)]
#[inline(always)]
pub fn xdp_ingress(ctx: XdpContext) -> u32 {
    xdp_hook::run(&ctx)
}

/// Decides about one copy of an XDP flood, at the devmap entry of an egress port.
#[xdp(frags, map = "devmap")]
#[inline(always)]
pub fn xdp_egress(ctx: XdpContext) -> u32 {
    xdp_hook::run_egress(&ctx)
}

/// The licence that the kernel's GPL-only helpers ask for.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
pub static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
