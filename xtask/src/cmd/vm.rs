//! Another kernel, and what it takes to run it: an oracle for what the kernel at hand cannot do.

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    cargo::{check, workspace},
    cmd::apt::Apt,
    failure::Lacking,
    root::has_program,
};

/// What runs the kernel and makes its file system, as packages and as the programs in them.
const PACKAGES: [&str; 3] = ["qemu-system-x86", "cpio", "xz-utils"];
const PROGRAMS: [&str; 3] = ["qemu-system-x86_64", "cpio", "xz"];

/// The kernel: a small one, which filters VLANs on its bridge.
const KERNEL: &str = r"^linux-image-6\.12\.[0-9]+\+deb[0-9]+-cloud-amd64$";

/// The folder with the kernel; installs what is missing where `install` says so, else there is none.
pub(crate) fn ensure(install: bool) -> Result<Option<PathBuf>> {
    let dir = workspace()?.join("target").join("vm");
    let kernel = dir.join("kernel");
    if PROGRAMS.iter().all(|program| has_program(program)) && kernel.join("boot").is_dir() {
        return Ok(Some(kernel));
    }
    if !install {
        return Ok(None);
    }
    if ARCH != "x86_64" {
        let text = format!("set up the virtual machine: there is no kernel for {ARCH}");
        return Err(Lacking(text).into());
    }
    println!(
        "the VLAN oracle needs {} and a kernel package, which is unpacked into {}",
        PACKAGES.join(", "),
        kernel.display()
    );
    let mut apt = Apt::default();
    apt.install(&PACKAGES)?;
    let package = newest(&apt.search(KERNEL)?);
    let package = package.ok_or_else(|| Lacking("apt has no 6.12 cloud kernel".to_owned()))?;
    unpack(&package, &dir, &kernel)?;
    Ok(Some(kernel))
}

/// The one of the packages with the highest version.
fn newest(packages: &[String]) -> Option<String> {
    let version = |package: &&String| {
        let numbers = package.split(|c: char| !c.is_ascii_digit());
        let numbers = numbers.filter_map(|number| number.parse::<u64>().ok());
        numbers.collect::<Vec<_>>()
    };
    packages.iter().max_by_key(version).cloned()
}

fn unpack(package: &str, dir: &Path, kernel: &Path) -> Result<()> {
    let make = |dir: &Path| fs::create_dir_all(dir).with_context(|| dir.display().to_string());
    make(dir)?;
    let mut download = Command::new("apt-get");
    download
        .args(["--quiet", "download", package])
        .current_dir(dir);
    check(&mut download, &format!("download {package}"))?;
    let archive = fs::read_dir(dir)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| dir.display().to_string())?
        .into_iter()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .with_context(|| format!("{package} is not where apt-get was to put it"))?;
    // Whole or not at all: the folder's name is what says that it is there.
    let partly = dir.join("partly");
    make(&partly)?;
    let mut unpack = Command::new("dpkg");
    unpack.arg("-x").arg(&archive).arg(&partly);
    check(&mut unpack, &format!("unpack {}", archive.display()))?;
    fs::remove_file(&archive).with_context(|| archive.display().to_string())?;
    fs::rename(&partly, kernel).with_context(|| kernel.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_is_taken() {
        let names = [12, 100, 99].map(|n| format!("linux-image-6.12.{n}+deb12-cloud-amd64"));
        assert_eq!(newest(&names), Some(names[1].clone()));
        assert_eq!(newest(&[]), None);
    }
}
