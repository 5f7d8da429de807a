//! What works, what does not, and what to do: of the machine, a bridge or an interface.
//!
//! Looks and never changes anything. Goes as far as the privilege of the process allows, and says
//! what it could not check.

mod bridge;
mod card;
mod enter;
mod far;
mod finding;
mod hooks;
mod interface;
mod machine;
mod port;
mod probe;
mod programs;
mod report;

pub use self::{
    bridge::bridge,
    finding::{Finding, Status},
    interface::interface,
    machine::machine,
    report::Report,
};
use crate::{
    bridge::BridgeError,
    net::{Links, NetError, netns},
};

/// Examines `target`, a bridge or an interface, or both if both have the name; without one, the
/// machine.
pub fn examine(target: Option<&str>) -> Result<Report, BridgeError> {
    let Some(name) = target else {
        return Ok(Report::new(machine()));
    };
    let is_interface = match Links::new()?.by_name(name) {
        Ok(_) => true,
        Err(NetError::NoSuchInterface { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let pins = bridge::find(name);
    let mut findings = Vec::new();
    match pins {
        Ok(Some(_)) => findings.extend(bridge(name)?),
        Ok(None) if !is_interface => return Err(unknown(name)),
        Ok(None) => {}
        // Bridges cannot be seen without privilege, interfaces can.
        Err(error) if !is_interface => return Err(error),
        Err(error) => tracing::debug!("{error}"),
    }
    if is_interface {
        findings.extend(interface(name)?);
    }
    Ok(Report::new(findings))
}

fn unknown(name: &str) -> BridgeError {
    let has = |netns: &crate::net::Netns| {
        let look = || Links::new()?.by_name(name).map(drop);
        matches!(netns.run(look), Ok(Ok(())))
    };
    let reason = if netns::find(has).is_some() {
        "is in another network namespace; run the command there (`ip netns exec NAME ...`)"
    } else {
        "no such interface here, and no bridge of this name either; `ip link` and `netbridge \
         bridge show` list them"
    };
    BridgeError::BadPort {
        ifname: name.to_owned(),
        reason: reason.to_owned(),
    }
}
