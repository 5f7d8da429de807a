//! Probes of the bridge's own, in functions that the verifier looks at once.
#![expect(
    unsafe_code,
    reason = "functions whose names the verifier's type information has"
)]

use aya_ebpf::bindings::{__sk_buff, xdp_md};
use netbridge_common::probe::origin;

use crate::octets::{SkbOctets, XdpOctets};

/// The port that a frame at TC went out of, where it is a probe with this nonce; 0 where it is none.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn probe_tc(skb: *mut __sk_buff, nonce: u64) -> u32 {
    origin(&SkbOctets(skb), nonce).0
}

/// The same at XDP.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn probe_xdp(ctx: *mut xdp_md, nonce: u64) -> u32 {
    origin(&XdpOctets(ctx), nonce).0
}
