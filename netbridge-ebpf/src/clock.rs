//! The time.
#![expect(unsafe_code, reason = "one BPF helper")]

use aya_ebpf::helpers::bpf_ktime_get_coarse_ns;

/// `CLOCK_MONOTONIC_COARSE` in nanoseconds.
#[inline(always)]
pub fn nanos() -> u64 {
    // SAFETY: the helper takes nothing and cannot fail.
    unsafe { bpf_ktime_get_coarse_ns() }
}
