//! `netbridge vlan`.

use std::ops::RangeInclusive;

use anyhow::Result;
use clap::Subcommand;

use super::{UsageError, values::vids as range};
use crate::{
    bridge::{Bridge, Membership},
    output::{self, VlanView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a port a member of VLANs.
    #[command(after_help = "Examples:
  netbridge vlan add br0 veth1 10 --pvid --untagged    # an access port, with the next line:
  netbridge vlan del br0 veth1 1                        # all ports begin as members of VLAN 1
  netbridge vlan add br0 eth1 10-20 30                  # a trunk")]
    Add {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: String,
        /// VIDs, or the first and the last of ranges.
        #[arg(value_name = "VID", required = true)]
        vids: Vec<String>,
        /// Frames without a VLAN belong to this one.
        #[arg(long)]
        pvid: bool,
        /// Frames leave without a tag.
        #[arg(long)]
        untagged: bool,
    },
    /// Take a port out of VLANs.
    #[command(after_help = "Example:\n  netbridge vlan del br0 veth1 1")]
    Del {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: String,
        /// VIDs, or the first and the last of ranges.
        #[arg(value_name = "VID", required = true)]
        vids: Vec<String>,
    },
    /// Show the VLANs of the ports of a bridge, or of one.
    #[command(after_help = "Example:\n  netbridge vlan show br0")]
    Show {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: Option<String>,
        /// Only ports that are members of this VLAN.
        #[arg(value_name = "VID", value_parser = clap::value_parser!(u16).range(1..=4094))]
        vid: Option<u16>,
    },
}

fn ranges(vids: &[String]) -> Result<Vec<RangeInclusive<u16>>, UsageError> {
    vids.iter().map(|vid| range(vid)).collect()
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Add {
            bridge,
            ifname,
            vids,
            pvid,
            untagged,
        } => {
            let vids = ranges(&vids)?;
            let membership = Membership { pvid, untagged };
            Ok(Bridge::open(&bridge)?.add_vlans(&ifname, &vids, membership)?)
        }
        Verb::Del {
            bridge,
            ifname,
            vids,
        } => {
            let vids = ranges(&vids)?;
            Ok(Bridge::open(&bridge)?.del_vlans(&ifname, &vids)?)
        }
        Verb::Show {
            bridge,
            ifname,
            vid,
        } => {
            let bridge = Bridge::look(&bridge)?;
            let ports = match ifname {
                Some(ifname) => vec![bridge.port_named(&ifname)?],
                None => bridge.ports()?,
            };
            let mut views = Vec::new();
            for port in ports {
                let view = VlanView::of(&port, &bridge.vlans(port.id)?);
                if vid.is_none_or(|vid| view.vlans.iter().any(|vlan| vlan.vlan == vid)) {
                    views.push(view);
                }
            }
            output::print(&views, json, output::vlans)
        }
    }
}
