//! A Docker engine, for tests that start one of their own, and what networks of containers need besides.

use anyhow::Result;

use crate::{
    cmd::apt::Apt,
    root::{has_program, is_root},
};

/// What such tests run, and the package that each is in.
const PROGRAMS: [(&str, &str); 7] = [
    ("dockerd", "docker.io"),
    ("containerd", "docker.io"),
    ("runc", "docker.io"),
    ("iptables", "iptables"),
    ("busybox", "busybox-static"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
];

/// Installs what is missing where `install` says so; a test that lacks it says so.
///
/// The machine's own engine is not started: it would change interfaces and packet filter.
pub(crate) fn ensure(install: bool) -> Result<()> {
    let packages = packages(has_program);
    if packages.is_empty() || !install {
        return Ok(());
    }
    println!(
        "tests with a Docker engine need {}: {}apt-get install; no service is started",
        packages.join(", "),
        if is_root() { "" } else { "sudo " },
    );
    Apt::default().install_without_services(&packages)
}

/// The packages of the programs that are missing. One that another package brought, such as
/// Docker's own, is as good.
fn packages(has: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let missing = PROGRAMS.iter().filter(|(program, _)| !has(program));
    let mut packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed_and_once() {
        assert_eq!(packages(|_| true), Vec::<&str>::new());
        assert_eq!(packages(|program| program == "nft").len(), 4);
        assert_eq!(packages(|program| program != "iptables"), ["iptables"]);
    }
}
