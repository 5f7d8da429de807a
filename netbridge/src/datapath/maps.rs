//! Typed handles of a bridge's pinned maps, checked before they are believed.

mod bindings;
mod limits;
mod mdb;
mod vlans;

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};

use aya::{
    Pod,
    maps::{Array, ArrayOfMaps, HashMap, Map, MapData, MapInfo, PerCpuArray, RingBuf, xdp::DevMap},
    programs::ProgramFd,
};
use netbridge_common::{
    ABI_VERSION, Binding, BindingKey, Event, EventBudget, FdbEntry, FdbKey, MdbEntry, MdbKey,
    PortConf, PortCounters, PortId, PortInfo, PortLimits, PortMeters, PortVlans, Settings, Ticks,
    VlanCounters, VlanMirror, maps::name,
};
use nix::time::{ClockId, clock_gettime};

use super::{
    Capabilities, DatapathError, PinDir, batch,
    error::plain,
    load::{io_cause, make_devmap, map_error},
};

/// The maps of one bridge.
pub struct Maps {
    dir: PinDir,
    settings: Array<MapData, Settings>,
    port_conf: Array<MapData, PortConf>,
    port_info: Array<MapData, PortInfo>,
    port_ids: HashMap<MapData, u32, u32>,
    port_counters: PerCpuArray<MapData, PortCounters>,
    fdb: HashMap<MapData, FdbKey, FdbEntry>,
    learned: Array<MapData, u64>,
    unlearned: Array<MapData, u64>,
    flood_ports: Array<MapData, u32>,
    xdp_ports: DevMap<MapData>,
    xdp_flood: ArrayOfMaps<MapData, DevMap<MapData>>,
    port_vlans: Array<MapData, PortVlans>,
    vlan_counters: PerCpuArray<MapData, VlanCounters>,
    vlan_mirrors: Array<MapData, VlanMirror>,
    bindings: HashMap<MapData, BindingKey, Binding>,
    limits: Array<MapData, PortLimits>,
    meters: Array<MapData, PortMeters>,
    mdb: HashMap<MapData, MdbKey, MdbEntry>,
    mdb_counts: Array<MapData, u64>,
    event_budget: PerCpuArray<MapData, EventBudget>,
}

/// The current tick of the clock that entries are stamped with.
pub fn now() -> Ticks {
    let nanos = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(0, |time| {
        let secs = u64::try_from(time.tv_sec()).unwrap_or(0);
        secs.saturating_mul(1_000_000_000)
            .saturating_add(u64::try_from(time.tv_nsec()).unwrap_or(0))
    });
    Ticks::from_nanos(nanos)
}

impl Maps {
    /// Opens the maps pinned in `dir`; refuses those of another version or shape.
    pub fn open(dir: &PinDir) -> Result<Self, DatapathError> {
        Capabilities::require(&format!("open bridge {}", dir.bridge()))?;
        // The layout version is in the first four octets, whatever comes after them.
        let (_, value_size) = sizes(dir, name::SETTINGS)?;
        if value_size as usize == size_of::<Settings>() {
            let settings: Array<MapData, Settings> = typed(dir, name::SETTINGS)?;
            let found = read(name::SETTINGS, &settings, 0)?.abi_version;
            if found != ABI_VERSION && found != 0 {
                let bridge = dir.bridge().to_owned();
                return Err(DatapathError::Version {
                    bridge,
                    found,
                    expected: ABI_VERSION,
                });
            }
        }
        Ok(Self {
            dir: dir.clone(),
            settings: array(dir, name::SETTINGS)?,
            port_conf: array(dir, name::PORT_CONF)?,
            port_info: array(dir, name::PORT_INFO)?,
            port_ids: hash(dir, name::PORT_IDS)?,
            port_counters: per_cpu(dir, name::PORT_COUNTERS)?,
            fdb: hash(dir, name::FDB)?,
            learned: array(dir, name::LEARNED)?,
            unlearned: array(dir, name::UNLEARNED)?,
            flood_ports: array(dir, name::FLOOD_PORTS)?,
            xdp_ports: typed(dir, name::XDP_PORTS)?,
            xdp_flood: typed(dir, name::XDP_FLOOD)?,
            port_vlans: array(dir, name::PORT_VLANS)?,
            vlan_counters: per_cpu(dir, name::VLAN_COUNTERS)?,
            vlan_mirrors: array(dir, name::VLAN_MIRRORS)?,
            bindings: hash(dir, name::BINDINGS)?,
            limits: array(dir, name::LIMITS)?,
            meters: array(dir, name::METERS)?,
            mdb: hash(dir, name::MDB)?,
            mdb_counts: array(dir, name::MDB_COUNTS)?,
            event_budget: per_cpu(dir, name::EVENT_BUDGET)?,
        })
    }

    /// The bridge's settings.
    pub fn settings(&self) -> Result<Settings, DatapathError> {
        read(name::SETTINGS, &self.settings, 0)
    }

    /// Writes the bridge's settings, and makes verdicts that the datapath keeps useless.
    ///
    /// The generation comes last, in a write of its own: the kernel copies word by word, and a frame that
    /// met the new number beside old settings would have its verdict kept as if it were new.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), DatapathError> {
        let generation = self.settings()?.generation;
        for generation in [generation, generation.wrapping_add(1)] {
            let settings = Settings {
                generation,
                ..settings
            };
            write(name::SETTINGS, &mut self.settings, 0, settings)?;
        }
        Ok(())
    }

    /// Makes verdicts that the datapath keeps useless, after a change that they depend on.
    fn renew(&mut self) -> Result<(), DatapathError> {
        self.set_settings(self.settings()?)
    }

    /// What the datapath knows of a port.
    pub fn port_conf(&self, id: PortId) -> Result<PortConf, DatapathError> {
        read(name::PORT_CONF, &self.port_conf, id.0)
    }

    /// Writes what the datapath knows of a port.
    pub fn set_port_conf(&mut self, id: PortId, conf: PortConf) -> Result<(), DatapathError> {
        write(name::PORT_CONF, &mut self.port_conf, id.0, conf)?;
        self.renew()
    }

    /// What userspace remembers of a port.
    pub fn port_info(&self, id: PortId) -> Result<PortInfo, DatapathError> {
        read(name::PORT_INFO, &self.port_info, id.0)
    }

    /// Writes what userspace remembers of a port.
    pub fn set_port_info(&mut self, id: PortId, info: PortInfo) -> Result<(), DatapathError> {
        write(name::PORT_INFO, &mut self.port_info, id.0, info)
    }

    /// All ports' interface indexes and ids.
    pub fn port_ids(&self) -> Result<Vec<(u32, PortId)>, DatapathError> {
        self.port_ids
            .iter()
            .map(|item| item.map(|(ifindex, id)| (ifindex, PortId(id))))
            .collect::<Result<_, _>>()
            .map_err(|error| map_error(name::PORT_IDS, "read", &error))
    }

    /// The port that interface `ifindex` is.
    pub fn port_of(&self, ifindex: u32) -> Option<PortId> {
        self.port_ids.get(&ifindex, 0).ok().map(PortId)
    }

    /// Makes interface `ifindex` port `id`.
    pub fn set_port_id(&mut self, ifindex: u32, id: PortId) -> Result<(), DatapathError> {
        self.port_ids
            .insert(ifindex, id.0, 0)
            .map_err(|error| map_error(name::PORT_IDS, "write", &error))?;
        self.renew()
    }

    /// Makes interface `ifindex` no port; none of the bridge's business where it was none.
    pub fn clear_port_id(&mut self, ifindex: u32) -> Result<(), DatapathError> {
        if self.port_ids.remove(&ifindex).is_err() {
            tracing::debug!("interface {ifindex} was no port");
        }
        self.renew()
    }

    /// A port's counters, summed over the CPUs.
    pub fn counters(&self, id: PortId) -> Result<PortCounters, DatapathError> {
        let values = self
            .port_counters
            .get(&id.0, 0)
            .map_err(|error| map_error(name::PORT_COUNTERS, "read", &error))?;
        let mut sum = PortCounters::default();
        values.iter().for_each(|value| sum.add(value));
        Ok(sum)
    }

    /// Sets a port's counters, and its share of the learning limit, to zero.
    pub fn clear_counters(&mut self, id: PortId) -> Result<(), DatapathError> {
        let cpus = aya::util::nr_cpus()
            .map_err(|(_, error)| map_error(name::PORT_COUNTERS, "clear", &error))?;
        let zeros = vec![PortCounters::default(); cpus];
        let values = zeros
            .try_into()
            .map_err(|error: std::io::Error| map_error(name::PORT_COUNTERS, "clear", &error))?;
        self.port_counters
            .set(id.0, values, 0)
            .map_err(|error| map_error(name::PORT_COUNTERS, "clear", &error))?;
        write(name::LEARNED, &mut self.learned, id.0, 0)?;
        write(name::UNLEARNED, &mut self.unlearned, id.0, 0)?;
        self.clear_mdb_counts(id)
    }

    /// The entry under `key`.
    pub fn fdb_entry(&self, key: &FdbKey) -> Option<FdbEntry> {
        self.fdb.get(key, 0).ok()
    }

    /// Writes an entry.
    pub fn set_fdb_entry(&mut self, key: FdbKey, entry: FdbEntry) -> Result<(), DatapathError> {
        self.fdb
            .insert(key, entry, 0)
            .map_err(|error| self.fdb_write_error(io_cause(&error)))?;
        self.renew()
    }

    fn fdb_write_error(&self, source: std::io::Error) -> DatapathError {
        let (map, entries) = (name::FDB, self.fdb_capacity());
        if source.raw_os_error() == Some(libc::E2BIG) {
            let remedy = "remove entries with `netbridge fdb flush`, or add the bridge with a larger --fdb-entries";
            return DatapathError::Full {
                map,
                entries,
                remedy,
            };
        }
        DatapathError::Map {
            map,
            op: "write",
            source,
        }
    }

    /// Writes entries, in place of what is under their keys.
    pub fn set_fdb_entries(&mut self, entries: &[(FdbKey, FdbEntry)]) -> Result<(), DatapathError> {
        batch::write_all(&self.fdb_data()?, entries)
            .map_err(|source| self.fdb_write_error(source))?;
        self.renew()
    }

    /// Removes an entry; says whether there was one.
    pub fn remove_fdb_entry(&mut self, key: &FdbKey) -> Result<bool, DatapathError> {
        Ok(self.remove_fdb_entries(&[*key])? == 1)
    }

    /// Removes entries; returns how many there were.
    pub fn remove_fdb_entries(&mut self, keys: &[FdbKey]) -> Result<usize, DatapathError> {
        let removed =
            batch::delete(&self.fdb_data()?, keys).map_err(|source| DatapathError::Map {
                map: name::FDB,
                op: "delete from",
                source,
            })?;
        self.renew()?;
        Ok(removed)
    }

    /// All entries of the FDB, in no order.
    pub fn fdb_entries(&self) -> Result<Vec<(FdbKey, FdbEntry)>, DatapathError> {
        batch::read_all(&self.fdb_data()?).map_err(fdb_read_error)
    }

    /// Shows `see` all entries of the FDB, in no order.
    pub fn for_each_fdb_entry(
        &self,
        see: impl FnMut(&FdbKey, &FdbEntry),
    ) -> Result<(), DatapathError> {
        batch::for_each(&self.fdb_data()?, see).map_err(fdb_read_error)
    }

    /// The map of entries, for batch operations.
    pub const fn fdb(&self) -> &HashMap<MapData, FdbKey, FdbEntry> {
        &self.fdb
    }

    /// The pinned FDB as raw map data, for batch operations.
    pub fn fdb_data(&self) -> Result<MapData, DatapathError> {
        data(&self.dir, name::FDB)
    }

    /// Entries that the FDB can hold.
    pub fn fdb_capacity(&self) -> u32 {
        MapInfo::from_pin(self.dir.object(name::FDB)).map_or(0, |info| info.max_entries())
    }

    /// Addresses learned on a port and not removed since; the bridge's for [`PortId::NONE`].
    pub fn learned(&self, id: PortId) -> Result<u64, DatapathError> {
        let learned = read(name::LEARNED, &self.learned, id.0)?;
        let unlearned = read(name::UNLEARNED, &self.unlearned, id.0)?;
        Ok(learned.wrapping_sub(unlearned))
    }

    /// Takes `count` learned addresses of a port back, from it and from the bridge's sum.
    pub fn unlearn(&mut self, id: PortId, count: u64) -> Result<(), DatapathError> {
        for slot in [id.0, PortId::NONE.0] {
            let before = read(name::UNLEARNED, &self.unlearned, slot)?;
            write(
                name::UNLEARNED,
                &mut self.unlearned,
                slot,
                before.wrapping_add(count),
            )?;
        }
        Ok(())
    }

    /// Writes a flood list at `start`.
    pub fn write_flood_list(&mut self, start: u32, ids: &[PortId]) -> Result<(), DatapathError> {
        for (at, id) in (start..).zip(ids) {
            write(name::FLOOD_PORTS, &mut self.flood_ports, at, id.0)?;
        }
        Ok(())
    }

    /// Makes XDP floods go to `ifindexes`, in one step.
    pub fn write_xdp_flood(
        &mut self,
        ifindexes: &[u32],
        egress: &ProgramFd,
    ) -> Result<(), DatapathError> {
        let slots = u32::try_from(ifindexes.len()).unwrap_or(u32::MAX).max(1);
        let mut ports = make_devmap(slots)?;
        for (slot, ifindex) in (0..).zip(ifindexes) {
            ports
                .set(slot, *ifindex, Some(egress), 0)
                .map_err(|error| map_error(name::XDP_FLOOD, "write", &error))?;
        }
        self.xdp_flood
            .set(0, &ports, 0)
            .map_err(|error| map_error(name::XDP_FLOOD, "write", &error))
    }

    /// Makes XDP unicast for port `id` go to `ifindex`.
    pub fn set_xdp_port(&mut self, id: PortId, ifindex: u32) -> Result<(), DatapathError> {
        self.xdp_ports
            .set(id.0, ifindex, None, 0)
            .map_err(|error| map_error(name::XDP_PORTS, "write", &error))
    }

    /// Octets of kernel memory that the bridge's maps take, as the kernel reckons them.
    pub fn memory(&self) -> Result<u64, DatapathError> {
        let mut sum = 0_u64;
        for name in name::ALL {
            let map = data(&self.dir, name)?;
            sum = sum.saturating_add(locked(map.fd().as_fd(), name)?);
        }
        Ok(sum)
    }

    /// The ring of events; one reader at a time sees each event.
    pub fn events(&self) -> Result<RingBuf<MapData>, DatapathError> {
        debug_assert!(size_of::<Event>() == 32);
        typed(&self.dir, name::EVENTS)
    }

    /// Events lost so far, on all CPUs.
    pub fn events_lost(&self) -> Result<u64, DatapathError> {
        let values = self
            .event_budget
            .get(&0, 0)
            .map_err(|error| map_error(name::EVENT_BUDGET, "read", &error))?;
        Ok(values.iter().map(|budget| budget.lost).sum())
    }
}

const fn fdb_read_error(source: std::io::Error) -> DatapathError {
    DatapathError::Map {
        map: name::FDB,
        op: "read",
        source,
    }
}

fn read<V: Pod>(map: &'static str, array: &Array<MapData, V>, at: u32) -> Result<V, DatapathError> {
    array
        .get(&at, 0)
        .map_err(|error| map_error(map, "read", &error))
}

fn write<V: Pod>(
    map: &'static str,
    array: &mut Array<MapData, V>,
    at: u32,
    value: V,
) -> Result<(), DatapathError> {
    array
        .set(at, value, 0)
        .map_err(|error| map_error(map, "write", &error))
}

/// The field `memlock` of what the kernel tells of a descriptor.
fn locked(fd: BorrowedFd<'_>, map: &'static str) -> Result<u64, DatapathError> {
    let failed = |source| DatapathError::Map {
        map,
        op: "read the size of",
        source,
    };
    let path = format!("/proc/thread-self/fdinfo/{}", fd.as_raw_fd());
    let text = std::fs::read_to_string(path).map_err(failed)?;
    text.lines()
        .find_map(|line| line.strip_prefix("memlock:")?.trim().parse().ok())
        .ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))
}

/// Key and value size of a pinned map, as the kernel has them.
fn sizes(dir: &PinDir, name: &'static str) -> Result<(u32, u32), DatapathError> {
    let info = MapInfo::from_pin(dir.object(name))
        .map_err(|error| pin_error(dir, name, &plain(&io_cause(&error))))?;
    Ok((info.key_size(), info.value_size()))
}

fn check(
    dir: &PinDir,
    name: &'static str,
    key_size: usize,
    value_size: usize,
) -> Result<(), DatapathError> {
    let (key, value) = sizes(dir, name)?;
    if (key as usize, value as usize) == (key_size, value_size) {
        return Ok(());
    }
    let found = format!(
        "its keys and values have {key} and {value} octets, not {key_size} and {value_size}: it is of another version of netbridge"
    );
    Err(pin_error(dir, name, &found))
}

fn array<V: Pod>(dir: &PinDir, name: &'static str) -> Result<Array<MapData, V>, DatapathError> {
    check(dir, name, size_of::<u32>(), size_of::<V>())?;
    typed(dir, name)
}

fn per_cpu<V: Pod>(
    dir: &PinDir,
    name: &'static str,
) -> Result<PerCpuArray<MapData, V>, DatapathError> {
    check(dir, name, size_of::<u32>(), size_of::<V>())?;
    typed(dir, name)
}

fn hash<K: Pod, V: Pod>(
    dir: &PinDir,
    name: &'static str,
) -> Result<HashMap<MapData, K, V>, DatapathError> {
    check(dir, name, size_of::<K>(), size_of::<V>())?;
    typed(dir, name)
}

fn data(dir: &PinDir, name: &'static str) -> Result<MapData, DatapathError> {
    MapData::from_pin(dir.object(name))
        .map_err(|error| pin_error(dir, name, &plain(&io_cause(&error))))
}

fn typed<M: TryFrom<Map, Error = aya::maps::MapError>>(
    dir: &PinDir,
    name: &'static str,
) -> Result<M, DatapathError> {
    Map::from_map_data(data(dir, name)?)
        .and_then(M::try_from)
        .map_err(|error| pin_error(dir, name, &error.to_string()))
}

fn pin_error(dir: &PinDir, name: &str, reason: &str) -> DatapathError {
    if reason == "permission denied" || reason == "operation not permitted" {
        return DatapathError::Privilege {
            what: format!("open {}", dir.object(name).display()),
        };
    }
    DatapathError::Pin {
        path: dir.object(name),
        bridge: dir.bridge().to_owned(),
        reason: reason.to_owned(),
    }
}
