//! Questions for neighbours, and what the bridge answers in their name.

pub mod arp;
pub mod nd;

/// Writes `octets` at the start of `into`, and gives what is left of it.
#[inline(always)]
fn put<const N: usize>(into: &mut [u8], octets: [u8; N]) -> &mut [u8] {
    match into.split_first_chunk_mut::<N>() {
        Some((to, rest)) => {
            *to = octets;
            rest
        }
        None => &mut [],
    }
}
