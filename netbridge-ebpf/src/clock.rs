//! The time.
#![expect(unsafe_code, reason = "two BPF helpers")]

use aya_ebpf::helpers::{bpf_ktime_get_coarse_ns, bpf_ktime_get_ns};

/// `CLOCK_MONOTONIC_COARSE` in nanoseconds.
#[inline(always)]
pub fn nanos() -> u64 {
    // SAFETY: the helper takes nothing and cannot fail.
    unsafe { bpf_ktime_get_coarse_ns() }
}

/// `CLOCK_MONOTONIC` in nanoseconds: exact, and dearer.
#[inline(always)]
pub fn exact_nanos() -> u64 {
    // SAFETY: as in `nanos`.
    unsafe { bpf_ktime_get_ns() }
}
