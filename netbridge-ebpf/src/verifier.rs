//! Help for the kernel's verifier.
#![expect(unsafe_code, reason = "volatile access to a variable of its own")]

/// A word of two halves.
#[repr(align(4))]
struct Halves([u16; 2]);

/// `value`, of which the verifier knows nothing any more.
///
/// It follows every value that it knows along every path; what was decided early would make it walk all
/// the rest once for each outcome. Written in halves and read as a whole, a value is any value.
#[inline(always)]
pub fn forget(value: u32) -> u32 {
    let [a, b, c, d] = value.to_ne_bytes();
    let mut halves = Halves([0; 2]);
    let Halves([first, second]) = &mut halves;
    // SAFETY: a reference to a half of a variable of this function.
    unsafe { core::ptr::write_volatile(first, u16::from_ne_bytes([a, b])) };
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(second, u16::from_ne_bytes([c, d])) };
    // SAFETY: the variable is a word long, and aligned as one.
    unsafe { core::ptr::read_volatile((&raw const halves).cast()) }
}
