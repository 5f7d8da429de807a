//! Answers for neighbours, on the command line.

use clap::ValueEnum;
use netbridge_common::ProxyMode;

#[derive(Debug, clap::Args)]
pub(super) struct Proxy {
    /// Answer ARP requests and neighbour solicitations for addresses that are bound to other ports with an Ethernet
    /// address (`binding add --mac --ip`).
    #[arg(long, value_enum)]
    arp_proxy: Option<ProxyArg>,
}

/// Whether neighbours are answered for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProxyArg {
    /// Flood all questions.
    Off,
    /// Answer those for addresses that are bound, flood the others.
    On,
    /// Answer those for addresses that are bound, drop the others.
    Only,
}

impl Proxy {
    pub(super) fn mode(&self) -> Option<ProxyMode> {
        self.arp_proxy.map(|mode| match mode {
            ProxyArg::Off => ProxyMode::Off,
            ProxyArg::On => ProxyMode::On,
            ProxyArg::Only => ProxyMode::Only,
        })
    }
}
