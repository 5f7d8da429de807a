//! A bridge: its settings, its ports, and their life in the kernel.

mod add;
mod binding;
mod container;
mod error;
mod feature;
mod flood;
mod hook;
mod host;
mod limit;
mod lock;
mod mirror;
mod name;
mod plan;
mod port;
mod reconcile;
mod vlan;
mod watch;

use netbridge_common::{
    ABI_VERSION, Features, Mode, ProxyMode, Settings, Ticks,
    settings::{DEFAULT_AGEING_SECS, DEFAULT_EVENT_RATE, DEFAULT_FLAPS},
};

pub use self::{
    binding::Addresses,
    error::BridgeError,
    hook::{Hook, HookChoice, HookReason, choose as choose_hook},
    host::HostInterface,
    limit::LimitChange,
    mirror::{Direction, Mirror, MirrorSource},
    port::{Port, PortChange, PortSpec},
    vlan::{Membership, VIDS, VlanProtocol},
    watch::WatchChange,
};
pub(crate) use self::{lock::Lock, name::check as check_name};
use crate::{
    datapath::{self, LoadOptions, Maps, PinDir, Programs},
    net::{Links, Netns},
};

/// Range of the ageing time, in seconds (802.1Q table 8-6 says 10 at least; tests want less).
pub const AGEING_RANGE: std::ops::RangeInclusive<u32> = 1..=1_000_000;

/// What a bridge is made with.
#[derive(Clone, Copy, Debug)]
pub struct BridgeOptions {
    /// How it decides.
    pub mode: Mode,
    /// Seconds after which a silent station is forgotten.
    pub ageing_secs: u32,
    /// Most addresses learned at a time; 0 for no limit but the FDB's size.
    pub learn_limit: u32,
    /// Whether ports may have different MTUs.
    pub mixed_mtu: bool,
    /// Sizes that stay as they are.
    pub load: LoadOptions,
}

impl Default for BridgeOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Bridge,
            ageing_secs: DEFAULT_AGEING_SECS,
            learn_limit: 0,
            mixed_mtu: false,
            load: LoadOptions::default(),
        }
    }
}

/// Changes to the settings of a bridge; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeChange {
    /// How it decides.
    pub mode: Option<Mode>,
    /// Seconds after which a silent station is forgotten.
    pub ageing_secs: Option<u32>,
    /// Most addresses learned at a time; 0 for no limit but the FDB's size.
    pub learn_limit: Option<u32>,
    /// Whether ports may have different MTUs.
    pub mixed_mtu: Option<bool>,
    /// Whether the bridge filters VLANs.
    pub vlan_filtering: Option<bool>,
    /// The kind of tag that names its VLANs.
    pub vlan_protocol: Option<VlanProtocol>,
    /// Reserved groups that are relayed.
    pub group_fwd_mask: Option<u16>,
    /// Whether frames for nobody known are flooded.
    pub flood: Option<bool>,
    /// What the bridge looks out for.
    pub watch: WatchChange,
    /// Whether multicast goes only to members and routers.
    pub mcast_snooping: Option<bool>,
    /// Whether neighbours that are bound to ports are answered for.
    pub proxy: Option<ProxyMode>,
}

impl BridgeChange {
    /// What the programs must be able to do for it.
    fn features(&self) -> Features {
        let wanted = [
            (self.vlan_filtering, Features::VLAN),
            (self.mcast_snooping, Features::SNOOP),
            (
                self.proxy.map(|mode| mode != ProxyMode::Off),
                Features::PROXY,
            ),
        ];
        wanted
            .into_iter()
            .filter(|(on, _)| *on == Some(true))
            .fold(self.watch.features(), |all, (_, feature)| all.with(feature))
    }
}

/// A bridge, opened for changes by one process at a time.
///
/// The kernel is the only database: the value holds handles, and two commands never see different
/// truths. All of it works in the network namespace of the thread that opened it.
pub struct Bridge {
    name: String,
    dir: PinDir,
    maps: Maps,
    programs: Programs,
    links: Links,
    lock: Option<Lock>,
    /// Ports that `reconcile` found gone and removed.
    gone: Vec<String>,
}

impl Bridge {
    /// Makes bridge `name`, to live on when the process ends.
    pub fn create(name: &str, options: &BridgeOptions) -> Result<Self, BridgeError> {
        name::check(name)?;
        let lock = Lock::take(name)?;
        let dir = PinDir::named(name);
        if Self::exists(name) {
            return Err(BridgeError::Exists {
                bridge: name.to_owned(),
            });
        }
        // What a killed `bridge add` left behind has no settings yet, and goes.
        dir.clear()?;
        let made = Self::make(&dir, options, Some(lock));
        if made.is_err()
            && let Ok(lock) = Lock::take(name)
        {
            lock.remove(name);
        }
        made
    }

    /// Says whether there is a bridge `name`, of whichever namespace; one that a killed process was about to
    /// make has no settings, and is none.
    pub fn exists(name: &str) -> bool {
        let dir = PinDir::named(name);
        let settings = || Maps::open(&dir)?.settings();
        dir.exists() && settings().map_or(true, |settings| settings.netns != 0)
    }

    /// Makes bridge `name` in a folder of its own that ends with the process.
    pub fn create_private(name: &str, options: &BridgeOptions) -> Result<Self, BridgeError> {
        name::check(name)?;
        Self::make(&PinDir::private(name)?, options, None)
    }

    fn make(
        dir: &PinDir,
        options: &BridgeOptions,
        lock: Option<Lock>,
    ) -> Result<Self, BridgeError> {
        check_ageing(options.ageing_secs)?;
        check_sizes(&options.load)?;
        let netns = Netns::current()?.inode();
        let (flap_moves, flap_window) = DEFAULT_FLAPS;
        datapath::create(dir, &options.load)?;
        let finish = || {
            let mut bridge = Self::assemble(dir.clone(), lock)?;
            bridge.maps.set_settings(Settings {
                abi_version: ABI_VERSION,
                mode: options.mode as u32,
                ageing: Ticks::from_secs(options.ageing_secs),
                ageing_secs: options.ageing_secs,
                learn_limit: options.learn_limit,
                event_rate: DEFAULT_EVENT_RATE,
                port_slots: options.load.port_slots(),
                netns,
                mixed_mtu: u32::from(options.mixed_mtu),
                fdb_entries: options.load.fdb_entries,
                features: options.load.programs(),
                vlan_protocol: VlanProtocol::default().tpid(),
                flap_moves,
                flap_window,
                ..Settings::default()
            })?;
            Ok(bridge)
        };
        finish().inspect_err(|_: &BridgeError| {
            if let Err(error) = dir.clear() {
                tracing::warn!("{error}");
            }
        })
    }

    /// Opens bridge `name` for changes, and brings its ports in line with the interfaces that there are.
    pub fn open(name: &str) -> Result<Self, BridgeError> {
        let mut bridge = Self::open_as_is(name)?;
        bridge.reconcile()?;
        Ok(bridge)
    }

    /// Opens bridge `name` for a change that has nothing to do with the ports that it has: what [`Self::open`]
    /// looks at takes a millisecond for each.
    pub fn open_as_is(name: &str) -> Result<Self, BridgeError> {
        name::check(name)?;
        let dir = PinDir::named(name);
        if !dir.exists() {
            return Err(BridgeError::NotFound {
                bridge: name.to_owned(),
            });
        }
        let lock = Lock::take(name)?;
        let mut bridge = Self::open_dir(dir)?;
        bridge.lock = Some(lock);
        Ok(bridge)
    }

    /// Opens bridge `name` to look at it, beside others that look or change.
    pub fn look(name: &str) -> Result<Self, BridgeError> {
        name::check(name)?;
        Self::open_dir(PinDir::named(name))
    }

    /// Opens the bridge in `dir` without its lock: for looking at it, and for private bridges.
    pub fn open_dir(dir: PinDir) -> Result<Self, BridgeError> {
        if !dir.exists() {
            return Err(BridgeError::NotFound {
                bridge: dir.bridge().to_owned(),
            });
        }
        let bridge = Self::assemble(dir, None)?;
        match bridge.maps.settings()?.netns {
            // A killed process was about to make it.
            0 => Err(BridgeError::NotFound {
                bridge: bridge.name,
            }),
            netns if netns == Netns::current()?.inode() => Ok(bridge),
            _ => Err(BridgeError::OtherNamespace {
                bridge: bridge.name,
            }),
        }
    }

    fn assemble(dir: PinDir, lock: Option<Lock>) -> Result<Self, BridgeError> {
        Ok(Self {
            name: dir.bridge().to_owned(),
            maps: Maps::open(&dir)?,
            programs: Programs::open(&dir)?,
            links: Links::new()?,
            dir,
            lock,
            gone: Vec::new(),
        })
    }

    /// Removes bridge `name`: its ports are detached and put back, its own interface goes.
    ///
    /// Also removes what another version of netbridge, or a killed one, left in its folder.
    pub fn delete(name: &str) -> Result<(), BridgeError> {
        name::check(name)?;
        let dir = PinDir::named(name);
        if !dir.object("").exists() {
            // One that was killed before it made the folder, or after it removed that, leaves its lock file.
            if Lock::is_there(name) {
                let lock = Lock::take(name)?;
                if !dir.object("").exists() {
                    lock.remove(name);
                }
            }
            return Err(BridgeError::NotFound {
                bridge: name.to_owned(),
            });
        }
        let lock = Lock::take(name)?;
        match Self::open_dir(dir.clone()) {
            Ok(mut bridge) => bridge.release_ports(),
            Err(error @ BridgeError::OtherNamespace { .. }) => return Err(error),
            Err(BridgeError::NotFound { .. }) => {}
            Err(error) => tracing::warn!("{error}"),
        }
        dir.clear()?;
        lock.remove(name);
        Ok(())
    }

    /// Detaches every port and puts it back as it was; what fails is said in the log.
    pub fn release_ports(&mut self) {
        let ports = self.ports().unwrap_or_default();
        if let Err(error) = self.remove_ports(&ports) {
            tracing::warn!("{error}");
        }
        if let Err(error) = self.remove_host_interface() {
            tracing::warn!("{error}");
        }
    }

    /// The bridge's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that the bridge lives in.
    pub const fn dir(&self) -> &PinDir {
        &self.dir
    }

    /// The bridge's maps.
    pub const fn maps(&self) -> &Maps {
        &self.maps
    }

    /// The bridge's maps, to be changed.
    pub const fn maps_mut(&mut self) -> &mut Maps {
        &mut self.maps
    }

    /// The bridge's programs.
    pub const fn programs_mut(&mut self) -> &mut Programs {
        &mut self.programs
    }

    /// The bridge's settings.
    pub fn settings(&self) -> Result<Settings, BridgeError> {
        Ok(self.maps.settings()?)
    }

    /// Changes settings; all of them or, where one is out of range, none.
    pub fn change(&mut self, change: &BridgeChange) -> Result<(), BridgeError> {
        // What may fail comes first.
        change.watch.check()?;
        if let Some(on) = change.vlan_filtering {
            self.binding_moves(on, None)?;
        }
        self.require(change.features())?;
        let mut settings = self.maps.settings()?;
        if let Some(secs) = change.ageing_secs {
            check_ageing(secs)?;
            settings.ageing_secs = secs;
            settings.ageing = Ticks::from_secs(secs);
        }
        if let Some(mode) = change.mode {
            settings.mode = mode as u32;
        }
        if let Some(limit) = change.learn_limit {
            settings.learn_limit = limit;
        }
        if let Some(mixed) = change.mixed_mtu {
            settings.mixed_mtu = u32::from(mixed);
        }
        if let Some(mask) = change.group_fwd_mask {
            port::check_group_fwd_mask(mask)?;
            settings.group_fwd_mask = mask;
        }
        if let Some(flood) = change.flood {
            settings.drop_unknown = u16::from(!flood);
        }
        if let Some(proxy) = change.proxy {
            settings.proxy = proxy as u16;
        }
        change.watch.apply(&mut settings)?;
        if let Some(snooping) = change.mcast_snooping {
            // What was learned before it was off is out of date: nobody kept it.
            if snooping && settings.mcast_snooping == 0 {
                self.flush_learned_mdb(None)?;
            }
            settings.mcast_snooping = u16::from(snooping);
        }
        self.maps.set_settings(settings)?;
        self.change_vlans(change)
    }

    fn change_vlans(&mut self, change: &BridgeChange) -> Result<(), BridgeError> {
        if change.vlan_filtering.is_none() && change.vlan_protocol.is_none() {
            return Ok(());
        }
        let settings = self.maps.settings()?;
        let on = change
            .vlan_filtering
            .unwrap_or(settings.vlan_filtering != 0);
        let protocol = change
            .vlan_protocol
            .unwrap_or(settings.vlan_protocol.into());
        self.set_vlan_filtering(on, protocol)
    }
}

fn check_ageing(secs: u32) -> Result<(), BridgeError> {
    if AGEING_RANGE.contains(&secs) {
        return Ok(());
    }
    let (least, most) = (AGEING_RANGE.start(), AGEING_RANGE.end());
    let reason = format!("{secs} s is out of range; give {least} to {most} seconds");
    Err(BridgeError::BadSetting {
        setting: "ageing time",
        reason,
    })
}

fn check_sizes(load: &LoadOptions) -> Result<(), BridgeError> {
    const MOST_PORTS: u32 = 32_767;
    const MOST_ENTRIES: u32 = 16 * 1024 * 1024;
    let bad = |setting, most: u32, given| {
        let reason = format!("{given} is out of range; give 1 to {most}");
        Err(BridgeError::BadSetting { setting, reason })
    };
    if !(1..=MOST_PORTS).contains(&load.max_ports) {
        return bad("max ports", MOST_PORTS, load.max_ports);
    }
    if !(1..=MOST_ENTRIES).contains(&load.fdb_entries) {
        return bad("fdb entries", MOST_ENTRIES, load.fdb_entries);
    }
    Ok(())
}
