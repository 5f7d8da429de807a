//! A bridge between throw-away namespaces, to see the hooks work.
//!
//! One container is behind a TC port, one behind an XDP port. The namespaces have no names and the
//! bridge's pins no path, so that all of it goes with the process at the latest.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use ipnet::Ipv4Net;

use super::{Status, finding::Sheet};
use crate::{
    bridge::{Bridge, BridgeOptions, HookChoice, PortSpec},
    datapath::LoadOptions,
    net::{Links, NetError, Netns, VethSpec},
};

/// How long the containers may take to hear of each other.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a datagram may take before it is sent again.
const RETRY: Duration = Duration::from_millis(100);
/// Any port; the namespaces are empty.
const UDP_PORT: u16 = 4000;
/// TEST-NET-1.
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
const PORTS: [&str; 2] = ["probe0", "probe1"];

/// The namespaces of the trial.
struct Stage {
    host: Netns,
    containers: [Netns; 2],
}

/// Builds the bridge, lets a datagram go both ways, and notes what worked.
pub(super) fn run(sheet: &mut Sheet) {
    let stage = match Stage::build() {
        Ok(stage) => stage,
        Err(error) => {
            let remedy = "`modprobe veth`, and a kernel with CONFIG_NET_NS=y";
            return sheet.advise(Status::Problem, "veth", error.to_string(), remedy);
        }
    };
    sheet.ok("veth", "pairs between network namespaces can be made");
    if let Err(error) = stage.host.run(|| bridge(&stage, sheet)) {
        sheet.failed(Status::Problem, "namespaces", &error);
    }
}

/// Runs in the namespace of the bridge.
fn bridge(stage: &Stage, sheet: &mut Sheet) {
    let options = BridgeOptions {
        load: LoadOptions {
            max_ports: 4,
            fdb_entries: 64,
            ..LoadOptions::default()
        },
        ..BridgeOptions::default()
    };
    let mut bridge = match Bridge::create_private("probe", &options) {
        Ok(bridge) => bridge,
        Err(error) => return sheet.failed(Status::Problem, "bridge", &error),
    };
    let hooks = [
        (
            "tcx",
            HookChoice::Tc,
            "a program attaches to TC ingress of a veth",
        ),
        (
            "xdp",
            HookChoice::Xdp,
            "a program attaches to native XDP of a veth",
        ),
    ];
    let mut works = true;
    for (ifname, (check, hook, found)) in PORTS.into_iter().zip(hooks) {
        let spec = PortSpec {
            ifname: ifname.to_owned(),
            hook,
            ..PortSpec::default()
        };
        match bridge.add_port(&spec) {
            Ok(_) => sheet.ok(check, found),
            Err(error) => {
                sheet.failed(Status::Problem, check, &error);
                works = false;
            }
        }
    }
    if !works {
        return;
    }
    match stage.exchange() {
        Ok(()) => sheet.ok(
            "forwarding",
            "a datagram went from a TC to an XDP port and back",
        ),
        Err(error) => {
            let found = format!("no datagram passes between a TC and an XDP port: {error}");
            let remedy = "report it with this output; `netbridge demo --hook tc` tells more";
            sheet.advise(Status::Problem, "forwarding", found, remedy);
        }
    }
}

impl Stage {
    fn build() -> Result<Self, NetError> {
        let stage = Self {
            host: Netns::anonymous()?,
            containers: [Netns::anonymous()?, Netns::anonymous()?],
        };
        let host = Links::within(&stage.host)?;
        for ((port, netns), address) in PORTS.iter().zip(&stage.containers).zip(ADDRESSES) {
            let spec = VethSpec {
                name: port,
                peer_name: "eth0",
                peer_netns: Some(netns),
                ..VethSpec::default()
            };
            let near = host.add_veth(&spec)?;
            let container = Links::within(netns)?;
            let far = container.by_name("eth0")?.ifindex;
            host.set_up(near.ifindex, true)?;
            container.set_up(far, true)?;
            container.add_address(far, Ipv4Net::new_assert(address, 24).into())?;
        }
        Ok(stage)
    }

    /// Sends a datagram from one container to the other and one back.
    fn exchange(&self) -> io::Result<()> {
        let open = |which: usize| {
            let bind = || UdpSocket::bind(SocketAddrV4::new(ADDRESSES[which], UDP_PORT));
            let socket = self.containers[which].run(bind);
            let socket = socket.map_err(|error| io::Error::other(error.to_string()))??;
            socket.set_read_timeout(Some(RETRY))?;
            let other = SocketAddrV4::new(ADDRESSES[1 - which], UDP_PORT);
            socket.connect(other)?;
            Ok::<_, io::Error>(socket)
        };
        let sockets = [open(0)?, open(1)?];
        deliver(&sockets[0], &sockets[1])?;
        deliver(&sockets[1], &sockets[0])
    }
}

/// Sends until one datagram arrives, for the first may meet an interface on its way up.
fn deliver(from: &UdpSocket, to: &UdpSocket) -> io::Result<()> {
    let start = Instant::now();
    loop {
        from.send(b"netbridge")?;
        match to.recv(&mut [0; 16]) {
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
            Ok(_) => return Ok(()),
        }
    }
}
