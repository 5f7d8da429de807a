//! Which hook serves an interface, and which programs are at its hooks.

use super::{
    Status,
    finding::Sheet,
    interface::Subject,
    programs::{self, Attached},
};
use crate::net::{XdpAttached, XdpMode};

/// Writes what is at the hooks of an interface.
pub(super) fn check(sheet: &mut Sheet, subject: &Subject<'_>) {
    hook(sheet, subject);
    xdp_program(sheet, subject);
    match programs::at_tc(&subject.link.name, subject.owners) {
        Ok(programs) => tc_program(sheet, subject, &programs),
        Err(reason) => sheet.note("tc_program", reason),
    }
}

fn hook(sheet: &mut Sheet, subject: &Subject<'_>) {
    let auto = match &subject.choice {
        Ok((hook, reason)) => format!("{}: {}", hook.name(), reason.text()),
        Err(error) => return sheet.failed(Status::Warning, "hook", error),
    };
    let Some((_, port)) = subject.port else {
        return sheet.ok("hook", format!("--hook auto would choose {auto}"));
    };
    let found = format!("{}: {}", port.hook.name(), port.hook_reason.text());
    let same = matches!(subject.choice, Ok((hook, _)) if hook == port.hook);
    if same || subject.is_host_port() {
        sheet.ok("hook", found);
    } else {
        sheet.note("hook", format!("{found}; auto would choose {auto}"));
    }
}

fn xdp_program(sheet: &mut Sheet, subject: &Subject<'_>) {
    const CHECK: &str = "xdp_program";
    let name = &subject.link.name;
    let Some(XdpAttached { mode, prog_id }) = subject.link.xdp else {
        if subject.is_xdp_port() {
            let found = "none: netbridge's is gone, TC serves the port alone";
            sheet.advise(Status::Problem, CHECK, found, subject.add_again(""));
        } else {
            sheet.ok(CHECK, "none");
        }
        return;
    };
    let program = programs::with_id(prog_id, subject.owners);
    let what = format!("{}, {mode}", program.describe());
    let own = subject.port.map(|(bridge, _)| bridge);
    if program.bridge.is_some() && program.bridge.as_deref() == own {
        return sheet.ok(CHECK, what);
    }
    let off = match mode {
        XdpMode::Generic => "xdpgeneric",
        _ => "xdp",
    };
    let remedy = format!("stop what attached it, or `ip link set dev {name} {off} off`");
    if subject.is_xdp_port() {
        let found = format!("{what}: in place of netbridge's");
        sheet.advise(Status::Problem, CHECK, found, remedy);
    } else {
        let found = format!("{what}: sees each frame first, and --hook xdp cannot be attached");
        sheet.advise(
            subject.if_xdp(Status::Problem).max(Status::Warning),
            CHECK,
            found,
            remedy,
        );
    }
}

fn tc_program(sheet: &mut Sheet, subject: &Subject<'_>, programs: &[Attached]) {
    const CHECK: &str = "tc_program";
    let own = subject.port.map(|(bridge, _)| bridge);
    let is_own = |program: &Attached| program.bridge.is_some() && program.bridge.as_deref() == own;
    let at = programs.iter().position(is_own);
    if own.is_some() && at.is_none() {
        let found = "netbridge's is gone: nothing is bridged";
        return sheet.advise(Status::Problem, CHECK, found, subject.add_again(""));
    }
    let (before, behind) = match at {
        Some(at) => (&programs[..at], &programs[at + 1..]),
        None => (programs, &[][..]),
    };
    if !before.is_empty() {
        let found = format!("{} before netbridge: sees each frame first", list(before));
        let remedy = "stop what attached it if frames are missing; `bpftool net` shows all";
        return sheet.advise(Status::Warning, CHECK, found, remedy);
    }
    let own_name = at.and_then(|at| programs.get(at)).map(Attached::describe);
    match (own_name, behind.is_empty()) {
        (None, _) => sheet.ok(CHECK, "none"),
        (Some(own), true) => sheet.ok(CHECK, own),
        (Some(own), false) => {
            let found = format!("{own}, then {}, which sees no bridged frame", list(behind));
            sheet.note(CHECK, found);
        }
    }
}

fn list(programs: &[Attached]) -> String {
    let names: Vec<String> = programs.iter().map(Attached::describe).collect();
    names.join(", ")
}
