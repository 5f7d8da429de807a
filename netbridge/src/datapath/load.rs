//! Loading the object and pinning what it brings.

use std::io;

use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel, include_bytes_aligned,
    maps::{Map, MapData, xdp::DevMap},
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use aya_obj::generated::bpf_map_type;
use netbridge_common::{
    Features, PortInfo,
    maps::{DEFAULT_FDB_ENTRIES, DEFAULT_PORT_SLOTS, name, program},
};

use super::{Capabilities, DatapathError, PinDir, error::plain, kernel_features};

/// The object, built from `netbridge-ebpf` with this crate.
pub(super) static OBJECT: &[u8] =
    include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netbridge.bpf.o"));

/// Sizes that cannot be changed once a bridge exists.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Ports that the bridge can have.
    pub max_ports: u32,
    /// Entries that the FDB can hold.
    pub fdb_entries: u32,
    /// Whether verdicts on known unicast are kept for the rest of a tick.
    pub flow_cache: bool,
    /// What the programs can do; see [`super::replace()`] for more of it later.
    pub features: Features,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            max_ports: DEFAULT_PORT_SLOTS - 1,
            fdb_entries: DEFAULT_FDB_ENTRIES,
            flow_cache: true,
            features: Features::default(),
        }
    }
}

impl LoadOptions {
    /// What the programs are loaded with, as `Settings::features` has it.
    pub const fn programs(&self) -> Features {
        if self.flow_cache {
            self.features
        } else {
            self.features.with(Features::NO_FLOW_CACHE)
        }
    }

    /// Slots in the port maps: one per port, and slot 0.
    pub const fn port_slots(&self) -> u32 {
        self.max_ports + 1
    }
}

/// Loads the programs and maps of a new bridge and pins them in `dir`.
///
/// Leaves nothing behind where it fails. Kernels older than 6.6 are refused.
pub fn create(dir: &PinDir, options: &LoadOptions) -> Result<(), DatapathError> {
    Capabilities::require("load eBPF programs")?;
    let mut ebpf = load(options, None)?;
    dir.make()?;
    pin_all(&mut ebpf, dir, options).inspect_err(|_| {
        if let Err(error) = dir.clear() {
            tracing::warn!("{error}");
        }
    })
}

/// Loads the object: maps are made, or are those pinned in `dir`; programs are verified, nothing is
/// pinned or attached.
pub(super) fn load(options: &LoadOptions, dir: Option<&PinDir>) -> Result<Ebpf, DatapathError> {
    if OBJECT.is_empty() {
        return Err(DatapathError::NoObject);
    }
    let features = kernel_features();
    features.require()?;
    let slots = options.port_slots();
    let fix_packet_type = u32::from(!features.peer_scrubs);
    let mut loader = EbpfLoader::new();
    if let Some(dir) = dir {
        // That of userspace alone is not in the object.
        for map in name::ALL.into_iter().filter(|map| *map != name::PORT_INFO) {
            loader.map_pin_path(map, dir.object(map));
        }
    }
    let mut ebpf = loader
        .verifier_log_level(VerifierLogLevel::default())
        .override_global("FIX_PACKET_TYPE", &fix_packet_type, true)
        .override_global("JIFFY_NANOS", &jiffy_nanos(), true)
        .override_global("FLOW_CACHE", &u32::from(options.flow_cache), true)
        .override_global("FEATURES", &options.features.0, true)
        .map_max_entries(name::PORT_CONF, slots)
        .map_max_entries(name::PORT_VLANS, slots)
        .map_max_entries(name::PORT_IDS, slots)
        .map_max_entries(name::LIMITS, slots)
        .map_max_entries(name::METERS, slots)
        .map_max_entries(name::PORT_COUNTERS, slots)
        .map_max_entries(name::LEARNED, slots)
        .map_max_entries(name::UNLEARNED, slots)
        .map_max_entries(name::XDP_PORTS, slots)
        .map_max_entries(name::FLOOD_PORTS, slots * 2)
        .map_max_entries(name::MDB_COUNTS, slots * 2)
        .map_max_entries(name::FDB, options.fdb_entries)
        .load(OBJECT)
        .map_err(|error| load_error("maps", &error))?;
    let tc: &mut SchedClassifier = program_of(&mut ebpf, program::TC_INGRESS)?;
    tc.load()
        .map_err(|error| verifier_error(program::TC_INGRESS, &error))?;
    for name in [program::XDP_INGRESS, program::XDP_EGRESS] {
        let xdp: &mut Xdp = program_of(&mut ebpf, name)?;
        xdp.load().map_err(|error| verifier_error(name, &error))?;
    }
    Ok(ebpf)
}

/// The length of a jiffy: the resolution of the coarse clock (`posix_get_coarse_res()`); 0 where the
/// kernel does not tell.
fn jiffy_nanos() -> u32 {
    let resolution = nix::time::clock_getres(nix::time::ClockId::CLOCK_MONOTONIC_COARSE);
    resolution.map_or(0, |time| u32::try_from(time.tv_nsec()).unwrap_or(0))
}

pub(super) fn program_of<'a, P>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut P, DatapathError>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let missing = || DatapathError::Load {
        program: name,
        reason: "not in the object".to_owned(),
    };
    let program = ebpf.program_mut(name).ok_or_else(missing)?;
    program
        .try_into()
        .map_err(|error: ProgramError| load_error(name, &error))
}

fn pin_all(ebpf: &mut Ebpf, dir: &PinDir, options: &LoadOptions) -> Result<(), DatapathError> {
    for (name, program) in ebpf.programs_mut() {
        program
            .pin(dir.object(name))
            .map_err(|error| pin_error(dir, name, &error))?;
    }
    let info = make_map(
        name::PORT_INFO,
        bpf_map_type::BPF_MAP_TYPE_ARRAY,
        size_of::<PortInfo>(),
        options.port_slots(),
    )?;
    info.pin(dir.object(name::PORT_INFO))
        .map_err(|error| pin_error(dir, name::PORT_INFO, &error))?;
    // The settings go last: a bridge exists from when they do.
    let mut maps: Vec<(&str, &Map)> = ebpf.maps().collect();
    maps.sort_by_key(|(name, _)| *name == name::SETTINGS);
    for (name, map) in maps {
        // Sections of the object are maps too, and need no pin: the programs hold them.
        if !name.starts_with('.') {
            map.pin(dir.object(name))
                .map_err(|error| pin_error(dir, name, &error))?;
        }
    }
    Ok(())
}

/// Makes a map that is not in the object; keys are 4 octets.
pub(super) fn make_map(
    name: &'static str,
    kind: bpf_map_type,
    value_size: usize,
    entries: u32,
) -> Result<MapData, DatapathError> {
    let value_size = u32::try_from(value_size).unwrap_or(u32::MAX);
    let map = aya_obj::Map::new_from_params(kind as u32, 4, value_size, entries, 0);
    MapData::create(map, name, None).map_err(|error| map_error(name, "create", &error))
}

/// Makes an empty devmap for XDP floods to up to `entries` ports.
pub(super) fn make_devmap(entries: u32) -> Result<DevMap<MapData>, DatapathError> {
    const DEVMAP_VALUE_SIZE: usize = 8;
    let kind = bpf_map_type::BPF_MAP_TYPE_DEVMAP;
    let data = make_map(name::XDP_FLOOD, kind, DEVMAP_VALUE_SIZE, entries)?;
    Map::from_map_data(data)
        .and_then(TryInto::try_into)
        .map_err(|error| map_error(name::XDP_FLOOD, "create", &error))
}

/// The kernel's errno at the root of an error.
pub(super) fn io_cause(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && let Some(errno) = error.raw_os_error()
        {
            return io::Error::from_raw_os_error(errno);
        }
        cause = error.source();
    }
    io::Error::other(error.to_string())
}

pub(super) fn map_error(
    map: &'static str,
    op: &'static str,
    error: &(dyn std::error::Error + 'static),
) -> DatapathError {
    DatapathError::Map {
        map,
        op,
        source: io_cause(error),
    }
}

fn load_error(program: &'static str, error: &(dyn std::error::Error + 'static)) -> DatapathError {
    let cause = io_cause(error);
    if cause.raw_os_error() == Some(libc::EPERM) {
        return DatapathError::Privilege {
            what: "load eBPF programs".to_owned(),
        };
    }
    DatapathError::Load {
        program,
        reason: plain(&cause),
    }
}

/// An error with the end of the verifier's log, which is where it says what it refused.
fn verifier_error(program: &'static str, error: &ProgramError) -> DatapathError {
    if let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
        && io_error.raw_os_error() != Some(libc::EPERM)
    {
        let log = verifier_log.to_string();
        let tail: Vec<&str> = log
            .lines()
            .rev()
            .filter(|l| !l.is_empty())
            .take(4)
            .collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
        return DatapathError::Load {
            program,
            reason: format!("{}: {tail}", plain(io_error)),
        };
    }
    load_error(program, error)
}

fn pin_error(dir: &PinDir, name: &str, error: &(dyn std::error::Error + 'static)) -> DatapathError {
    DatapathError::Bpffs {
        op: "pin",
        path: dir.object(name),
        source: io_cause(error),
    }
}
