//! The eBPF side of netbridge: one pipeline, two frontends.
//!
//! [`pipeline`] asks `netbridge-common` what to do with a frame; [`tc`] and [`xdp`] read the frame
//! and carry the answer out. No bridging rule stands here. [`mod@bench`] holds what the benchmark
//! needs. The code is a library so that it is compiled, linted and documented for the host too;
//! `main.rs` and `bench_main.rs` add the entry points.
#![no_std]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::integer_division
)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod atomic;
// Its maps are in its own object, not in that of a bridge; here it is for lints and docs.
#[cfg(not(target_arch = "bpf"))]
pub mod bench;
pub mod clock;
pub mod count;
pub mod features;
pub mod flow;
pub mod guard;
pub mod learn;
pub mod maps;
pub mod mdb;
pub mod meter;
pub mod mirror;
pub mod notify;
pub mod octets;
pub mod packet;
pub mod pipeline;
pub mod probe;
pub mod proxy;
pub mod skb;
pub mod snoop;
pub mod table;
pub mod tc;
pub mod verifier;
pub mod walk;
pub mod xdp;
