//! The command line: what can be typed, and where it goes.
//!
//! The types here hold raw text and numbers; each verb's file turns them into checked values.
#![expect(clippy::print_stderr, reason = "a command speaks to its user")]

mod bench;
mod binding;
mod bridge;
mod demo;
mod doctor;
mod fdb;
mod limit;
mod mcast;
mod mdb;
mod mirror;
mod network;
mod port;
mod proxy;
mod run;
mod serve;
mod stats;
mod values;
mod verify;
mod vlan;
mod watch;

use std::{io, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    bridge::BridgeError, datapath::DatapathError, net::NetError, network::NetworkError, output,
};

/// An Ethernet bridge for containers whose every decision is made in eBPF.
#[derive(Debug, Parser)]
#[command(name = "netbridge", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  netbridge demo                                   containers on a bridge of their own, then gone
  netbridge bridge add br0 --address 10.9.0.1/24   a bridge, and an interface of it for the host
  netbridge port add br0 veth1 --name web          make an interface a port
  netbridge stats br0 --watch                      what happened to every frame, per port
  netbridge fdb show br0                           which address is behind which port
  netbridge doctor veth1                           what is wrong, and what to do

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 privilege or kernel feature missing.
Set NETBRIDGE_LOG=info (or debug) to see more of what happens.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a bridge at work: containers in namespaces of their own, ping, TCP, counters, and gone.
    Demo(demo::Args),
    /// Bridge interfaces in the foreground, and report per port until interrupted.
    Run(run::Args),
    /// Add, remove, change and show bridges.
    #[command(subcommand, after_help = "Example:\n  netbridge bridge add br0")]
    Bridge(bridge::Verb),
    /// Add, remove, change and show the ports of a bridge.
    #[command(
        subcommand,
        after_help = "Example:\n  netbridge port add br0 veth1 --name web"
    )]
    Port(port::Verb),
    /// Show and change which address is behind which port.
    #[command(subcommand, after_help = "Example:\n  netbridge fdb show br0")]
    Fdb(fdb::Verb),
    /// Bind addresses to ports, and show which are.
    #[command(subcommand, after_help = "Example:\n  netbridge binding show br0")]
    Binding(binding::Verb),
    /// Show and change which ports multicast groups have members behind.
    #[command(subcommand, after_help = "Example:\n  netbridge mdb show br0")]
    Mdb(mdb::Verb),
    /// VLANs of ports.
    #[command(subcommand, after_help = "Example:\n  netbridge vlan show br0")]
    Vlan(vlan::Verb),
    /// Copies of what ports and VLANs carry, sent to a port for somebody who watches.
    #[command(
        subcommand,
        after_help = "Example:\n  netbridge mirror add br0 --port veth1 --to veth9"
    )]
    Mirror(mirror::Verb),
    /// Networks of containers: addresses, names, a way out, published ports.
    #[command(
        subcommand,
        after_help = "Example:\n  netbridge network run bridge --name b1 -p 8080:80 -- busybox httpd -f -p 80"
    )]
    Network(network::Verb),
    /// Show what happened to every frame, per port.
    Stats(stats::Args),
    /// Say what works here, what does not, and what to do: the machine, a bridge, or an interface.
    Doctor(doctor::Args),
    /// Do what needs a process: sweep aged entries, follow interfaces that come and go, log events.
    Serve(serve::Args),
    /// Compare datapaths on this machine: veth, the Linux bridge, netbridge, and the limits.
    Bench(bench::Args),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  netbridge completions bash > /etc/bash_completion.d/netbridge"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// For those who work on netbridge.
    #[command(subcommand, hide = true)]
    Debug(verify::Verb),
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(&args, cli.json),
        Command::Run(args) => run::run(&args, cli.json),
        Command::Bridge(verb) => bridge::run(verb, cli.json),
        Command::Port(verb) => port::run(verb, cli.json),
        Command::Fdb(verb) => fdb::run(verb, cli.json),
        Command::Binding(verb) => binding::run(verb, cli.json),
        Command::Mdb(verb) => mdb::run(verb, cli.json),
        Command::Vlan(verb) => vlan::run(verb, cli.json),
        Command::Mirror(verb) => mirror::run(verb, cli.json),
        Command::Network(verb) => match network::run(verb, cli.json) {
            Ok(0) => Ok(()),
            Ok(code) => return ExitCode::from(code),
            Err(error) => Err(error),
        },
        Command::Stats(args) => stats::run(&args, cli.json),
        Command::Doctor(args) => doctor::run(&args, cli.json),
        Command::Serve(args) => serve::run(&args),
        Command::Bench(args) => bench::run(&args, cli.json),
        Command::Debug(verb) => verify::run(&verb),
        Command::Completions { shell } => {
            // Into memory first: the generator panics where nobody reads its output.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "netbridge", &mut script);
            output::say(String::from_utf8_lossy(&script))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit_code(&error);
            let mut message = one_line(&format!("{error:#}"));
            if code == 3 && !message.contains("root") && !message.contains("kernel") {
                message += "; run as root";
            }
            eprintln!("netbridge: {message}");
            ExitCode::from(code)
        }
    }
}

/// The command that was typed, as far as there is one: what `--help` can be asked of.
fn command_typed() -> String {
    let mut typed = "netbridge".to_owned();
    let mut command = Cli::command();
    for word in std::env::args().skip(1) {
        let Some(found) = command.find_subcommand(&word).cloned() else {
            break;
        };
        typed = format!("{typed} {word}");
        command = found;
    }
    typed
}

/// Help goes out as it is; a mistake becomes one line.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => help(error, ExitCode::SUCCESS),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => help(error, ExitCode::from(2)),
        _ => {
            let text = error.render().to_string();
            // The message ends where the usage begins; its continuation lines name the arguments.
            let end = text.find("\n\n").unwrap_or(text.len());
            let message = text.get(..end).unwrap_or_default();
            let message = one_line(message.trim_start_matches("error: "));
            eprintln!("netbridge: {message}; see `{} --help`", command_typed());
            ExitCode::from(2)
        }
    }
}

/// Prints help, with colours on a terminal alone; whoever does not read it has seen enough.
fn help(error: &clap::Error, code: ExitCode) -> ExitCode {
    if let Err(error) = error.print() {
        tracing::debug!("print help: {error}");
    }
    code
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// What the user asked for does not make sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<BridgeError>() {
            return error.exit_code();
        }
        if let Some(error) = cause.downcast_ref::<DatapathError>() {
            return error.exit_code();
        }
        if let Some(error) = cause.downcast_ref::<NetworkError>() {
            return error.exit_code();
        }
        if cause.is::<UsageError>() {
            return 2;
        }
        if let Some(error) = cause.downcast_ref::<NetError>() {
            return if error.is_privilege() { 3 } else { 1 };
        }
    }
    1
}
