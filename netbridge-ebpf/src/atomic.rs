//! Atomic operations on map memory, which Rust's core does not offer for this target.
#![expect(
    unsafe_code,
    reason = "single atomic instructions on a pointer into a map"
)]

/// Adds `n` to `*counter`, wrapping, as one indivisible step among all CPUs.
///
/// # Safety
///
/// `counter` must point to an aligned `u64` in a map value.
#[inline(always)]
pub unsafe fn add(counter: *mut u64, n: u64) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller vouches for the pointer; the instruction touches nothing else.
    unsafe {
        core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) n);
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        // SAFETY: the caller vouches for the pointer.
        let counter = unsafe { core::sync::atomic::AtomicU64::from_ptr(counter) };
        counter.fetch_add(n, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Puts `new` in the place of `expected`, as one indivisible step among all CPUs, and returns what was
/// there: something else where it was not done.
///
/// # Safety
///
/// `word` must point to an aligned `u64` in a map value.
#[inline(always)]
pub unsafe fn compare_exchange(word: *mut u64, expected: u64, new: u64) -> u64 {
    #[cfg(target_arch = "bpf")]
    {
        let found;
        // SAFETY: the caller vouches for the pointer; the instruction touches nothing else but r0.
        unsafe {
            core::arch::asm!(
                "r0 = cmpxchg_64({0} + 0, r0, {1})",
                in(reg) word,
                in(reg) new,
                inout("r0") expected => found,
            );
        }
        found
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
        // SAFETY: the caller vouches for the pointer.
        let word = unsafe { AtomicU64::from_ptr(word) };
        word.compare_exchange(expected, new, Relaxed, Relaxed)
            .unwrap_or_else(|found| found)
    }
}
