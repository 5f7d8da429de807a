//! The one system call behind everything that ethtool does here.
#![expect(
    unsafe_code,
    reason = "SIOCETHTOOL takes a pointer to a buffer laid out by its command"
)]

use std::{
    fmt,
    os::fd::{AsRawFd as _, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};

use super::{ETHTOOL_GSTATS, ETHTOOL_GSTRINGS};
use crate::net::{NetError, on_off};

/// Words of the argument of most commands; the largest is `struct ethtool_drvinfo` with 49.
const FIXED_WORDS: usize = 64;
/// Words of the argument of the commands for counters, which write as many as the driver has at
/// that moment. A veth with the most queues (4096) needs a quarter of it. Untouched pages of it
/// cost nothing.
const STATISTICS_WORDS: usize = 1 << 20;

/// An interface to ask.
pub(super) struct Device<'a> {
    name: &'a str,
    socket: OwnedFd,
}

impl<'a> Device<'a> {
    /// Opens a socket to ask on; whether the interface exists shows with the first question.
    pub(super) fn open(name: &'a str) -> Result<Self, NetError> {
        let socket = socket(
            AddressFamily::Inet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .map_err(|errno| NetError::refused("open a socket", errno))?;
        Ok(Self { name, socket })
    }

    /// Calls the kernel with the command and its arguments, and returns the answer, which is laid
    /// out by the command and has unused words behind it.
    pub(super) fn call(&self, input: &[u32]) -> nix::Result<Box<[u32]>> {
        let words = match input[0] {
            ETHTOOL_GSTRINGS | ETHTOOL_GSTATS => STATISTICS_WORDS,
            _ => FIXED_WORDS,
        };
        let mut argument = vec![0; words].into_boxed_slice();
        argument[..input.len()].copy_from_slice(input);
        let mut request = libc::ifreq {
            ifr_name: interface_name(self.name).ok_or(Errno::ENODEV)?,
            ifr_ifru: libc::__c_anonymous_ifr_ifru {
                ifru_data: argument.as_mut_ptr().cast(),
            },
        };
        let fd = self.socket.as_raw_fd();
        // SAFETY: `request` names a buffer that lives through the call and is as large as any
        // command of this module writes: see the constants above.
        let result = unsafe { libc::ioctl(fd, libc::SIOCETHTOOL, &raw mut request) };
        Errno::result(result)?;
        Ok(argument)
    }

    /// The data of `struct ethtool_value` after a command that reads one.
    pub(super) fn value(&self, command: u32) -> nix::Result<u32> {
        Ok(self.call(&[command])?[1])
    }

    /// The error for a question or an order, told as `verb` and the interface.
    pub(super) fn failed(&self, verb: impl fmt::Display, errno: Errno) -> NetError {
        match errno {
            Errno::ENODEV => NetError::NoSuchInterface {
                name: self.name.to_owned(),
            },
            _ => NetError::refused(format!("{verb} {}", self.name), errno),
        }
    }

    /// The error for a switch that the kernel refused.
    pub(super) fn setting_failed(&self, feature: &str, on: bool, errno: Errno) -> NetError {
        self.failed(format_args!("set {feature} {} on", on_off(on)), errno)
    }

    /// Compares what was wanted with what was read back.
    pub(super) fn taken(
        &self,
        feature: &'static str,
        wanted: bool,
        now: bool,
    ) -> Result<(), NetError> {
        if wanted == now {
            return Ok(());
        }
        Err(NetError::OffloadNotTaken {
            feature,
            name: self.name.to_owned(),
            wanted,
        })
    }
}

/// `name` as the kernel takes it; `None` if no interface can have it.
fn interface_name(name: &str) -> Option<[libc::c_char; libc::IFNAMSIZ]> {
    let mut array = [0; libc::IFNAMSIZ];
    if name.is_empty() || name.len() >= array.len() {
        return None;
    }
    for (to, from) in array.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Some(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_fit_with_their_zero() {
        assert!(interface_name("abcdefghijklmno").is_some());
        assert!(interface_name("abcdefghijklmnop").is_none());
        assert!(interface_name("").is_none());
    }
}
