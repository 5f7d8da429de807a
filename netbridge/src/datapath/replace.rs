//! Other programs for a bridge that forwards: the maps stay, and no frame is lost.

use std::{fs, path::Path};

use aya::{
    Ebpf,
    programs::{
        ProgramError, SchedClassifier, Xdp,
        links::{FdLink, PinnedLink},
        tc::SchedClassifierLink,
        xdp::XdpLink,
    },
};
use netbridge_common::{PortId, maps::program};

use super::{
    DatapathError, LoadOptions, PinDir, attach,
    load::{self, io_cause, program_of},
};

/// Puts programs loaded with `options` in the place of those of the bridge in `dir`: at its pins,
/// for ports to come, and then, one port after the other, at the links of `ports`.
///
/// A link is exchanged at once (`bpf_link_update()`): every frame meets the old program or the new
/// one. Where it fails, some ports may have the new programs; they do what the old ones do until
/// settings ask for more.
pub fn replace(dir: &PinDir, options: &LoadOptions, ports: &[PortId]) -> Result<(), DatapathError> {
    let mut ebpf = load::load(options, Some(dir))?;
    for (name, program) in ebpf.programs_mut() {
        let (path, new) = (dir.object(name), dir.object(&format!("{name}-new")));
        let error = |reason: String| DatapathError::Pin {
            path: path.clone(),
            bridge: dir.bridge().to_owned(),
            reason,
        };
        remove(&new).map_err(|source| error(source.to_string()))?;
        program
            .pin(&new)
            .map_err(|source| error(source.to_string()))?;
        fs::rename(&new, &path).map_err(|source| error(source.to_string()))?;
    }
    for id in ports {
        exchange(&mut ebpf, *id, dir)?;
    }
    Ok(())
}

fn exchange(ebpf: &mut Ebpf, id: PortId, dir: &PinDir) -> Result<(), DatapathError> {
    let tc = attach::tc_link(dir, id);
    if tc.exists() {
        let link = SchedClassifierLink::try_from(opened(&tc)?).map_err(|e| broken(&tc, &e))?;
        let program: &mut SchedClassifier = program_of(ebpf, program::TC_INGRESS)?;
        let update = |program: &mut SchedClassifier| -> Result<(), ProgramError> {
            let id = program.attach_to_link(link)?;
            // The pin keeps the link; the handle may go.
            program.take_link(id).map(drop)
        };
        update(program).map_err(|error| broken(&tc, &error))?;
    }
    let xdp = attach::xdp_link(dir, id);
    if xdp.exists() {
        let link = XdpLink::try_from(opened(&xdp)?).map_err(|e| broken(&xdp, &e))?;
        let program: &mut Xdp = program_of(ebpf, program::XDP_INGRESS)?;
        let update = |program: &mut Xdp| -> Result<(), ProgramError> {
            let id = program.attach_to_link(link)?;
            program.take_link(id).map(drop)
        };
        update(program).map_err(|error| broken(&xdp, &error))?;
    }
    Ok(())
}

fn opened(path: &Path) -> Result<FdLink, DatapathError> {
    let link = PinnedLink::from_pin(path).map_err(|error| broken(path, &error))?;
    Ok(link.into())
}

fn broken(path: &Path, error: &(dyn std::error::Error + 'static)) -> DatapathError {
    DatapathError::Bpffs {
        op: "exchange the program of",
        path: path.to_owned(),
        source: io_cause(error),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
