//! Octets of a frame beyond its Ethernet header, copied by the kernel: whatever lies where, and however
//! often the place is reckoned anew.
#![expect(unsafe_code, reason = "BPF helpers that fill a buffer of the caller's")]

use aya_ebpf::{
    bindings::{__sk_buff, xdp_md},
    helpers::{bpf_skb_load_bytes, bpf_xdp_load_bytes},
};
use netbridge_common::octets::Octets;

/// The octets of a frame at TC; a tag that the kernel keeps beside it is not among them.
pub struct SkbOctets(pub *mut __sk_buff);

impl Octets for SkbOctets {
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is read is a header's length"
    )]
    fn read<const N: usize>(&self, at: u32, into: &mut [u8; N]) -> bool {
        let buffer = into.as_mut_ptr().cast();
        // SAFETY: the context is valid while the program runs; `buffer` has `N` octets.
        unsafe { bpf_skb_load_bytes(self.0.cast(), at, buffer, N as u32) == 0 }
    }
}

/// The octets of a frame at XDP.
pub struct XdpOctets(pub *mut xdp_md);

impl Octets for XdpOctets {
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is read is a header's length"
    )]
    fn read<const N: usize>(&self, at: u32, into: &mut [u8; N]) -> bool {
        let buffer = into.as_mut_ptr().cast();
        // SAFETY: the context is valid while the program runs; `buffer` has `N` octets.
        unsafe { bpf_xdp_load_bytes(self.0, at, buffer, N as u32) == 0 }
    }
}
