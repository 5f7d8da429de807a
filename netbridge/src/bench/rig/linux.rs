//! The kernel's bridge, alone and with the rules that Docker gives a host.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Rig, write_sysctl};
use crate::{
    bench::programs,
    net::{BridgeOptions, Links},
};

/// The chains of a host with Docker 28, for a bridge br0 on 10.9.0.0/16.
const NFT_RULES: &str = r#"
table ip filter {
    chain DOCKER-USER { counter return; }
    chain DOCKER-CT { oifname "br0" ct state related,established counter accept; }
    chain DOCKER { iifname != "br0" oifname "br0" counter drop; }
    chain DOCKER-BRIDGE { oifname "br0" counter jump DOCKER; }
    chain DOCKER-FORWARD {
        counter jump DOCKER-CT
        counter jump DOCKER-BRIDGE
        iifname "br0" counter accept
    }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        counter jump DOCKER-USER
        counter jump DOCKER-FORWARD
    }
}
table ip nat {
    chain DOCKER { iifname "br0" counter return; }
    chain PREROUTING {
        type nat hook prerouting priority dstnat;
        fib daddr type local counter jump DOCKER
    }
    chain POSTROUTING {
        type nat hook postrouting priority srcnat;
        ip saddr 10.9.0.0/16 oifname != "br0" counter masquerade
    }
}
"#;

/// The same for iptables.
const IPTABLES_RULES: &str = "\
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER ! -i br0 -o br0 -j DROP
-A DOCKER-BRIDGE -o br0 -j DOCKER
-A DOCKER-CT -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i br0 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.9.0.0/16 ! -o br0 -j MASQUERADE
-A DOCKER -i br0 -j RETURN
COMMIT
";

impl Rig {
    /// Makes every port one of a kernel bridge.
    pub(super) fn linux_bridge(&self, netfilter: bool) -> Result<()> {
        let value = if netfilter { "1" } else { "0" };
        self.host
            .run(|| write_sysctl("net/bridge/bridge-nf-call-iptables", value))??;
        let links = Links::within(&self.host)?;
        let options = BridgeOptions {
            forward_delay: Some(Duration::ZERO),
            mcast_snooping: Some(false),
            ..BridgeOptions::default()
        };
        let bridge = links.add_bridge("br0", &options)?;
        links.set_up(bridge.ifindex, true)?;
        for station in &self.stations {
            links.set_master(station.ifindex, Some(bridge.ifindex))?;
        }
        if netfilter {
            self.docker_rules().context("set up rules like Docker's")?;
        }
        Ok(())
    }

    /// Rules that every IP frame between ports passes.
    fn docker_rules(&self) -> Result<()> {
        let (mut command, rules) = if programs::find("nft").is_some() {
            let mut nft = programs::command("nft")?;
            nft.args(["-f", "-"]);
            (nft, NFT_RULES)
        } else {
            let mut restore = programs::command("iptables-restore")?;
            // The lock of the host's own rules; these are in a namespace of their own.
            restore.env("XTABLES_LOCKFILE", "/dev/null");
            (restore, IPTABLES_RULES)
        };
        programs::run(self.host.command_in(&mut command), rules)
    }
}
