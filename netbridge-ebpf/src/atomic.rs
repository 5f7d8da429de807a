//! Atomic addition on map memory, which Rust's core does not offer for this target.
#![expect(unsafe_code, reason = "one atomic instruction on a pointer into a map")]

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
