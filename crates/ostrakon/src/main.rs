//! `ostrakon`: carries an order to remove a vendor's products from the order to the proof.
//!
//! This is the door: every command is one arm of [`run`], and one module below `commands`.

mod args;
mod builtin;
mod commands;
mod error;
mod lockdown;
mod looking;
mod sinks;
mod terminal;

use args::{Command, DossierCommand, OrderCommand, ReportCommand};
use clap::Parser;
use error::CommandError;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A reader that closes the pipe early ends the program, as people expect of one that prints.
    let args = args::Args::parse();
    let result = run(&args);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error.print(&args.global);
            ExitCode::from(2)
        }
    }
}

fn run(args: &args::Args) -> Result<u8, CommandError> {
    let global = &args.global;
    match &args.command {
        Command::Identify(identify) => commands::identify::run(global, identify),
        Command::Inventory(inventory) => commands::inventory::run(global, inventory),
        Command::Order { command } => match command {
            OrderCommand::List => commands::order::list(global),
            OrderCommand::Show { order } => commands::order::show(global, order),
            OrderCommand::Check { files, schema } => commands::order::check(global, files, *schema),
            OrderCommand::Clock(clock) => commands::order::clock(global, clock),
        },
        Command::Dossier { command } => match command {
            DossierCommand::List => commands::dossier::list(global),
            DossierCommand::Show { dossier } => commands::dossier::show(global, dossier),
            DossierCommand::Check { folders, schema } => commands::dossier::check(global, folders, *schema),
            DossierCommand::Explain { artifact, all } => commands::dossier::explain(global, artifact, *all),
            DossierCommand::Attributes => commands::dossier::attributes(),
        },
        Command::Report { command } => match command {
            ReportCommand::Identification(report) => commands::report::identification(global, report),
        },
        Command::Completions { shell } => commands::manual::completions(*shell),
        Command::Man { folder } => commands::manual::man(folder),
    }
}
