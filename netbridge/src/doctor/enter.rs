//! How a user gets into the namespace of a container, to be pasted.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// What to put before a command to run it in the network namespace with this inode; `None` where
/// only a descriptor of some process leads there.
pub(super) fn prefix(inode: u64) -> Option<String> {
    let is_it = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.ino() == inode);
    if let Some(path) = entries("/run/netns").find(is_it) {
        return Some(format!("ip netns exec {} ", path.file_name()?.display()));
    }
    if let Some(path) = entries("/run/docker/netns").find(is_it) {
        return Some(format!("nsenter --net={} ", path.display()));
    }
    let wanted = format!("net:[{inode}]");
    let leads_there = |process: &PathBuf| {
        fs::read_link(process.join("ns/net")).is_ok_and(|link| link.as_os_str() == wanted.as_str())
    };
    let process = entries("/proc")
        .filter(|path| is_process(path))
        .find(leads_there)?;
    Some(format!("nsenter -n -t {} ", process.file_name()?.display()))
}

fn is_process(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The paths in a directory; none if it cannot be read.
fn entries(directory: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.map_while(Result::ok).map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_has_a_way_in() {
        let own = fs::metadata("/proc/self/ns/net").unwrap().ino();
        assert!(prefix(own).is_some());
        assert_eq!(prefix(1), None);
    }

    #[test]
    fn only_numbers_are_processes() {
        assert!(is_process(Path::new("/proc/12")));
        assert!(!is_process(Path::new("/proc/self")));
    }
}
