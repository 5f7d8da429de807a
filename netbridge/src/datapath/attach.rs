//! Attaching the pinned programs to interfaces, by links that are pinned too.

use std::path::PathBuf;

use aya::programs::{
    LinkOrder, ProgramError, ProgramFd, SchedClassifier, TcAttachType, Xdp,
    links::{FdLink, PinnedLink},
    tc::TcAttachOptions,
};
use aya_obj::programs::XdpAttachType;
use netbridge_common::{PortId, maps::program};

use super::{DatapathError, PinDir, error::plain, load::io_cause};

/// The programs of one bridge.
pub struct Programs {
    dir: PinDir,
    tc: SchedClassifier,
    xdp: Xdp,
    egress: Xdp,
}

impl Programs {
    /// Opens the programs pinned in `dir`.
    pub fn open(dir: &PinDir) -> Result<Self, DatapathError> {
        let opened = |name: &str, error: &ProgramError| DatapathError::Pin {
            path: dir.object(name),
            bridge: dir.bridge().to_owned(),
            reason: plain(&io_cause(error)),
        };
        let xdp = |name: &str, kind| {
            Xdp::from_pin(dir.object(name), kind).map_err(|error| opened(name, &error))
        };
        Ok(Self {
            dir: dir.clone(),
            tc: SchedClassifier::from_pin(dir.object(program::TC_INGRESS))
                .map_err(|error| opened(program::TC_INGRESS, &error))?,
            xdp: xdp(program::XDP_INGRESS, XdpAttachType::Interface)?,
            egress: xdp(program::XDP_EGRESS, XdpAttachType::DevMap)?,
        })
    }

    /// The program that decides at TC.
    pub const fn tc(&mut self) -> &mut SchedClassifier {
        &mut self.tc
    }

    /// The program that decides at XDP.
    pub const fn xdp(&mut self) -> &mut Xdp {
        &mut self.xdp
    }

    /// The program that checks copies of XDP floods, for devmap entries.
    pub fn egress_fd(&self) -> Result<&ProgramFd, DatapathError> {
        self.egress
            .fd()
            .map_err(|error| attach_error(program::XDP_EGRESS, "", &error))
    }

    /// Octets of kernel memory that the programs take, as the kernel reckons them.
    pub fn memory(&self) -> Result<u64, DatapathError> {
        let programs = [
            (program::TC_INGRESS, self.tc.info()),
            (program::XDP_INGRESS, self.xdp.info()),
            (program::XDP_EGRESS, self.egress.info()),
        ];
        let mut sum = 0_u64;
        for (name, info) in programs {
            let locked = info.and_then(|info| info.memory_locked());
            let locked = locked.map_err(|error| DatapathError::Load {
                program: name,
                reason: plain(&io_cause(&error)),
            })?;
            sum = sum.saturating_add(locked.into());
        }
        Ok(sum)
    }

    /// Attaches to TC ingress of `ifname` in the calling thread's namespace, after what is there.
    pub fn attach_tc(&mut self, id: PortId, ifname: &str) -> Result<(), DatapathError> {
        let options = TcAttachOptions::TcxOrder(LinkOrder::last());
        let error = |error| attach_error(program::TC_INGRESS, ifname, &error);
        let link = self
            .tc
            .attach_with_options(ifname, TcAttachType::Ingress, options)
            .and_then(|id| self.tc.take_link(id))
            .map_err(error)?;
        let link =
            FdLink::try_from(link).map_err(|_error| unpinnable(program::TC_INGRESS, ifname))?;
        self.pin(link, program::TC_INGRESS, ifname, self.tc_link(id))
    }

    /// Attaches to native XDP of interface `ifindex`.
    pub fn attach_xdp(
        &mut self,
        id: PortId,
        ifname: &str,
        ifindex: u32,
    ) -> Result<(), DatapathError> {
        let error = |error| attach_error(program::XDP_INGRESS, ifname, &error);
        let link = self
            .xdp
            .attach_to_if_index(ifindex, aya::programs::XdpMode::Driver)
            .and_then(|id| self.xdp.take_link(id))
            .map_err(error)?;
        let link =
            FdLink::try_from(link).map_err(|_error| unpinnable(program::XDP_INGRESS, ifname))?;
        self.pin(link, program::XDP_INGRESS, ifname, self.xdp_link(id))
    }

    fn pin(
        &self,
        link: FdLink,
        program: &'static str,
        ifname: &str,
        path: PathBuf,
    ) -> Result<(), DatapathError> {
        debug_assert!(path.starts_with(self.dir.object("")));
        link.pin(path)
            .map(drop)
            .map_err(|error| attach_error(program, ifname, &error))
    }

    /// Detaches both hooks of a port; what is not attached is left alone.
    ///
    /// The link is opened before its pin goes, so that it ends with the handle, at once: a link
    /// that ends with its pin is detached by the kernel some time later.
    pub fn detach(&self, id: PortId) -> Result<(), DatapathError> {
        for path in [self.xdp_link(id), self.tc_link(id)] {
            if !path.exists() {
                continue;
            }
            let error = |source| DatapathError::Bpffs {
                op: "detach",
                path: path.clone(),
                source,
            };
            let link = PinnedLink::from_pin(&path).map_err(|e| error(io_cause(&e)))?;
            link.unpin().map_err(error)?;
        }
        Ok(())
    }

    /// Says whether a port's TC link is pinned.
    pub fn is_attached(&self, id: PortId) -> bool {
        self.tc_link(id).exists()
    }

    fn tc_link(&self, id: PortId) -> PathBuf {
        tc_link(&self.dir, id)
    }

    fn xdp_link(&self, id: PortId) -> PathBuf {
        xdp_link(&self.dir, id)
    }
}

/// Where a port's link at TC is pinned.
pub(super) fn tc_link(dir: &PinDir, id: PortId) -> PathBuf {
    dir.object(&format!("port-{}-tc", id.0))
}

/// Where a port's link at XDP is pinned, if it has one.
pub(super) fn xdp_link(dir: &PinDir, id: PortId) -> PathBuf {
    dir.object(&format!("port-{}-xdp", id.0))
}

/// An attachment that exists only by netlink cannot outlive the process; it is gone by now.
fn unpinnable(program: &'static str, ifname: &str) -> DatapathError {
    DatapathError::Attach {
        program,
        ifname: ifname.to_owned(),
        reason: "the kernel gave no link that can be pinned; netbridge needs Linux 6.6 or newer"
            .to_owned(),
    }
}

fn attach_error(
    program: &'static str,
    ifname: &str,
    error: &(dyn std::error::Error + 'static),
) -> DatapathError {
    let cause = io_cause(error);
    let remedy = match cause.raw_os_error() {
        Some(libc::EBUSY) => {
            "; another XDP program is attached: `ip link set dev IF xdp off` removes it"
        }
        Some(libc::EEXIST) => {
            "; it is attached already, or another XDP program is: see `netbridge doctor IF`"
        }
        Some(libc::EOPNOTSUPP) => "; the driver has no native XDP: use --hook tc",
        Some(libc::ERANGE) => {
            "; the MTU of the other end is too large for XDP: use --hook tc or lower it"
        }
        Some(libc::ENOSPC) => {
            "; the other end has more transmit queues than this one receive queues: `ethtool -L`"
        }
        Some(libc::EPERM | libc::EACCES) => "; run as root",
        _ => "",
    };
    let remedy = remedy.replace("IF", ifname);
    DatapathError::Attach {
        program,
        ifname: ifname.to_owned(),
        reason: format!("{}{remedy}", plain(&cause)),
    }
}
