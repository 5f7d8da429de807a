//! Offloads and counters of a driver, by ioctl(2) in the namespace of the calling thread.

use nix::errno::Errno;
use serde::Serialize;

use self::device::Device;
use super::NetError;

mod device;

// include/uapi/linux/ethtool.h
const ETHTOOL_GDRVINFO: u32 = 0x03;
/// Writes as many names as the driver has counters, whatever is asked.
const ETHTOOL_GSTRINGS: u32 = 0x1b;
/// Writes as many values as the driver has counters, whatever is asked.
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_SFLAGS: u32 = 0x26;
const ETHTOOL_GCHANNELS: u32 = 0x3c;
const ETH_SS_STATS: u32 = 1;
const ETH_GSTRING_LEN: usize = 32;
const ETH_FLAG_TXVLAN: u32 = 1 << 7;
const ETH_FLAG_RXVLAN: u32 = 1 << 8;

/// An offload with a command to read it and one to set it.
struct Offload {
    name: &'static str,
    get: u32,
    set: u32,
}

const TX_CHECKSUM: Offload = Offload {
    name: "tx",
    get: 0x16,
    set: 0x17,
};
const TSO: Offload = Offload {
    name: "tso",
    get: 0x1e,
    set: 0x1f,
};
const GSO: Offload = Offload {
    name: "gso",
    get: 0x23,
    set: 0x24,
};
const GRO: Offload = Offload {
    name: "gro",
    get: 0x2b,
    set: 0x2c,
};

/// Counters that are read at most.
const STATISTICS_MAX: u32 = 32_768;

/// The offloads that matter to a bridge, as the `ethtool` program groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the kernel"
)]
pub struct Offloads {
    /// Joins received segments (`gro`).
    pub gro: bool,
    /// Leaves checksums of sent frames to the driver (`tx`).
    pub tx_checksum: bool,
    /// Leaves the segmentation of TCP to the driver (`tso`).
    pub tso: bool,
    /// Segments as late as possible (`gso`).
    pub gso: bool,
    /// Leaves the insertion of an 802.1Q tag to the driver (`txvlan`).
    pub tx_vlan: bool,
    /// Has the driver take an 802.1Q tag out of received frames (`rxvlan`).
    pub rx_vlan: bool,
}

/// Queues in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// Queues that only receive.
    pub rx: u32,
    /// Queues that only transmit.
    pub tx: u32,
    /// Queues that do both.
    pub combined: u32,
}

/// Reads the offloads of an interface.
pub fn offloads(name: &str) -> Result<Offloads, NetError> {
    let device = Device::open(name)?;
    let read = || {
        let flags = device.value(ETHTOOL_GFLAGS)?;
        Ok(Offloads {
            gro: device.value(GRO.get)? != 0,
            tx_checksum: device.value(TX_CHECKSUM.get)? != 0,
            tso: device.value(TSO.get)? != 0,
            gso: device.value(GSO.get)? != 0,
            tx_vlan: flags & ETH_FLAG_TXVLAN != 0,
            rx_vlan: flags & ETH_FLAG_RXVLAN != 0,
        })
    };
    read().map_err(|errno| device.failed("read offloads of", errno))
}

/// Switches generic receive offload; on a veth this also makes its NAPI.
pub fn set_gro(name: &str, on: bool) -> Result<(), NetError> {
    set_offload(name, &GRO, on)
}

/// Switches transmit checksum offload for all protocols, like `ethtool -K NAME tx on|off`.
///
/// Off takes segmentation offload with it, and on gives it back.
pub fn set_tx_checksum(name: &str, on: bool) -> Result<(), NetError> {
    set_offload(name, &TX_CHECKSUM, on)
}

/// Switches TCP segmentation offload.
pub fn set_tso(name: &str, on: bool) -> Result<(), NetError> {
    set_offload(name, &TSO, on)
}

/// Switches generic segmentation offload.
pub fn set_gso(name: &str, on: bool) -> Result<(), NetError> {
    set_offload(name, &GSO, on)
}

/// Switches the insertion of 802.1Q tags by the driver. Those of 802.1ad are another switch.
pub fn set_tx_vlan(name: &str, on: bool) -> Result<(), NetError> {
    set_flag(name, "txvlan", ETH_FLAG_TXVLAN, on)
}

/// Switches the removal of 802.1Q tags by the driver. Those of 802.1ad are another switch.
pub fn set_rx_vlan(name: &str, on: bool) -> Result<(), NetError> {
    set_flag(name, "rxvlan", ETH_FLAG_RXVLAN, on)
}

fn set_offload(name: &str, offload: &Offload, on: bool) -> Result<(), NetError> {
    let device = Device::open(name)?;
    let set = || {
        device.call(&[offload.set, on.into()])?;
        device.value(offload.get)
    };
    let value = set().map_err(|errno| device.setting_failed(offload.name, on, errno))?;
    device.taken(offload.name, on, value != 0)
}

fn set_flag(name: &str, feature: &'static str, flag: u32, on: bool) -> Result<(), NetError> {
    let device = Device::open(name)?;
    let set = || {
        let flags = device.value(ETHTOOL_GFLAGS)? & !flag;
        device.call(&[ETHTOOL_SFLAGS, if on { flags | flag } else { flags }])?;
        device.value(ETHTOOL_GFLAGS)
    };
    let flags = set().map_err(|errno| device.setting_failed(feature, on, errno))?;
    device.taken(feature, on, flags & flag != 0)
}

/// The name of the driver.
pub fn driver(name: &str) -> Result<String, NetError> {
    let device = Device::open(name)?;
    let info = device
        .call(&[ETHTOOL_GDRVINFO])
        .map_err(|errno| device.failed("read driver of", errno))?;
    Ok(string(&info[1..]))
}

/// The queues in use; an error with [`NetError::errno`] `EOPNOTSUPP` if the driver cannot tell.
pub fn channels(name: &str) -> Result<Channels, NetError> {
    let device = Device::open(name)?;
    let channels = device
        .call(&[ETHTOOL_GCHANNELS])
        .map_err(|errno| device.failed("read queues of", errno))?;
    // struct ethtool_channels: the four counts come after their four limits.
    Ok(Channels {
        rx: channels[5],
        tx: channels[6],
        combined: channels[8],
    })
}

/// The driver's counters by name, none if it has no own ones.
pub fn statistics(name: &str) -> Result<Vec<(String, u64)>, NetError> {
    let device = Device::open(name)?;
    let read = || {
        // struct ethtool_drvinfo has n_stats as its 46th word.
        let count = device.call(&[ETHTOOL_GDRVINFO])?[45];
        if count > STATISTICS_MAX {
            return Err(Errno::E2BIG);
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let names = device.call(&[ETHTOOL_GSTRINGS, ETH_SS_STATS, count])?;
        let values = device.call(&[ETHTOOL_GSTATS, count])?;
        Ok(pair_statistics(&names, &values))
    };
    match read() {
        Err(Errno::EOPNOTSUPP) => Ok(Vec::new()),
        result => result.map_err(|errno| device.failed("read statistics of", errno)),
    }
}

/// Pairs `struct ethtool_gstrings` with `struct ethtool_stats`, up to the shorter of both.
fn pair_statistics(names: &[u32], values: &[u32]) -> Vec<(String, u64)> {
    let count = usize::try_from(names[2].min(values[1])).unwrap_or(0);
    let names = names[3..].chunks_exact(ETH_GSTRING_LEN / size_of::<u32>());
    let values = values[2..].as_chunks::<2>().0;
    let value = |[low, high]: &[u32; 2]| u64::from(*low) | u64::from(*high) << 32;
    names
        .zip(values)
        .take(count)
        .map(|(name, words)| (string(name), value(words)))
        .collect()
}

/// The text in a 32-byte array, up to the first zero.
fn string(words: &[u32]) -> String {
    let bytes = words
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .take(ETH_GSTRING_LEN);
    let bytes: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_pair_names_and_values() {
        let mut names = vec![ETHTOOL_GSTRINGS, ETH_SS_STATS, 2];
        for name in [b"rx\0\0", b"drop"] {
            names.push(u32::from_ne_bytes(*name));
            names.extend([0; 7]);
        }
        let values = [ETHTOOL_GSTATS, 2, 5, 0, 1, 1];
        let expected = [("rx".to_owned(), 5), ("drop".to_owned(), (1 << 32) + 1)];
        assert_eq!(pair_statistics(&names, &values), expected);
    }
}
