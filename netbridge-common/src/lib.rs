//! Shared types and every bridging decision of netbridge.
//!
//! The eBPF programs and the userspace program both build on this crate: what a frame, a port or an
//! FDB entry is, and the pure functions in [`decide`] that say what happens to a frame. Nothing here
//! reads a clock, a map or a packet; all of it runs, and is tested, on the host.
#![cfg_attr(not(any(test, feature = "user")), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::integer_division
    )
)]

pub mod abi;
pub mod bench;
pub mod binding;
pub mod counters;
pub mod decide;
pub mod event;
pub mod fdb;
pub mod features;
pub mod flow;
pub mod frame;
pub mod gso;
pub mod info;
pub mod limit;
pub mod mac;
pub mod maps;
pub mod mdb;
pub mod octets;
pub mod port;
pub mod probe;
pub mod settings;
pub mod ticks;
pub mod vlan;

pub use abi::ABI_VERSION;
pub use binding::{Binding, BindingKey};
pub use counters::PortCounters;
pub use event::{Event, EventBudget, EventKind};
pub use fdb::{FdbEntry, FdbFlags, FdbKey, Flaps};
pub use features::Features;
pub use flow::{FlowChecks, FlowEntry, FlowKey, FlowSet, FlowStamp};
pub use frame::{FrameHead, FrameSize};
pub use info::PortInfo;
pub use limit::{Limit, LimitKind, PortLimits, PortMeters};
pub use mac::MacAddr;
pub use mdb::{MdbEntry, MdbFlags, MdbKey, MdbKind};
pub use port::{PortConf, PortFlags, PortId, PortState};
pub use settings::{LoopGuard, Mode, ProxyMode, Settings};
pub use ticks::Ticks;
pub use vlan::{PortVlans, VlanCounters, VlanMirror};
