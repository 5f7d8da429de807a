//! Reading and setting kernel parameters.

use std::{fs, io, path::Path};

/// The value of a parameter by its path below `/proc/sys`, such as `net/core/netdev_max_backlog`.
///
/// Those below `net` are of the namespace of the calling thread, and some, `netdev_max_backlog`
/// among them, exist in the initial one only. `None` if there is no such parameter, as with
/// `net/bridge/*` while the module `br_netfilter` is not loaded.
pub fn read(path: &str) -> Option<String> {
    let value = fs::read_to_string(Path::new("/proc/sys").join(path)).ok()?;
    Some(value.trim_end().to_owned())
}

/// Sets a parameter, named as for [`read`].
pub fn write(path: &str, value: &str) -> io::Result<()> {
    fs::write(Path::new("/proc/sys").join(path), value)
}
