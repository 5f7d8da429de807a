//! Docker's plugin socket: netbridge as the driver of Docker's networks and of their addresses.
//!
//! One POST per call, JSON both ways. A call is done when it is answered, may come again, and never asks
//! Docker anything: Docker waits for the answer. Names, which no call tells, are asked for afterwards, by a
//! task of their own.

mod call;
mod ipam;
mod listen;
mod names;
mod network;
mod server;

pub use self::listen::SOCKET;
pub(crate) use self::server::Plugin;
