//! `netbridge vlan`.

use anyhow::Result;
use clap::Subcommand;

use super::values::vids;
use crate::{
    bridge::{Bridge, Membership},
    output::{self, VlanView},
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a port a member of a VLAN, or of a range.
    #[command(after_help = "Examples:
  netbridge vlan add br0 veth1 10 --pvid --untagged    # an access port
  netbridge vlan add br0 eth1 10-20                     # a trunk")]
    Add {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: String,
        /// The VID, or the first and the last of a range.
        #[arg(value_name = "VID")]
        vid: String,
        /// Frames without a VLAN belong to this one.
        #[arg(long)]
        pvid: bool,
        /// Frames leave without a tag.
        #[arg(long)]
        untagged: bool,
    },
    /// Take a port out of a VLAN, or of a range.
    #[command(after_help = "Example:\n  netbridge vlan del br0 veth1 1")]
    Del {
        /// Name of the bridge.
        bridge: String,
        /// The interface.
        #[arg(value_name = "IF")]
        ifname: String,
        /// The VID, or the first and the last of a range.
        #[arg(value_name = "VID")]
        vid: String,
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
        #[arg(value_name = "VID")]
        vid: Option<u16>,
    },
}

pub(super) fn run(verb: Verb, json: bool) -> Result<()> {
    match verb {
        Verb::Add {
            bridge,
            ifname,
            vid,
            pvid,
            untagged,
        } => {
            let vids = vids(&vid)?;
            let membership = Membership { pvid, untagged };
            Ok(Bridge::open(&bridge)?.add_vlans(&ifname, vids, membership)?)
        }
        Verb::Del {
            bridge,
            ifname,
            vid,
        } => {
            let vids = vids(&vid)?;
            Ok(Bridge::open(&bridge)?.del_vlans(&ifname, vids)?)
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
