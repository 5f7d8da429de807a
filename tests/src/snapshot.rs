//! What a host looks like, to be compared before and after.

use std::{fs, path::Path};

use netbridge::net::{Links, ethtool};

use crate::topology::Host;

/// Interfaces with their settings, files of bpffs and of `/run`, as lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(Vec<String>);

impl Snapshot {
    /// Looks at `host`.
    pub fn of(host: &Host) -> Self {
        Self(host.run(|| {
            let mut lines = interfaces();
            for root in ["/sys/fs/bpf", "/run"] {
                files(Path::new(root), &mut lines);
            }
            lines.sort();
            lines
        }))
    }
}

fn interfaces() -> Vec<String> {
    let links = Links::new().expect("open the interfaces").list();
    let describe = |link: &netbridge::net::Link| {
        let offloads = ethtool::offloads(&link.name).expect("read offloads");
        format!(
            "{} {} master {:?} mtu {} promiscuous {} xdp {:?} {offloads:?}",
            link.ifindex, link.name, link.master, link.mtu, link.promiscuous, link.xdp
        )
    };
    links
        .expect("list the interfaces")
        .iter()
        .map(describe)
        .collect()
}

fn files(dir: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("read a folder") {
        let path = entry.expect("read a folder").path();
        if path.is_dir() {
            files(&path, lines);
        }
        lines.push(path.display().to_string());
    }
}
