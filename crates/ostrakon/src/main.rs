//! `ostrakon`: carries an order to remove a vendor's products from the order to the proof.
//!
//! This is the door: every command is one arm of [`run`], and one module below `commands`.

mod args;
mod builtin;
mod commands;
mod error;
mod home;
mod lockdown;
mod looking;
mod opened;
mod recording;
mod sinks;
mod terminal;

use args::{Command, DossierCommand, KeysCommand, LedgerCommand, OrderCommand, PlanCommand, ReportCommand};
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
            ReportCommand::Plan(report) => commands::report::plan(global, report),
            ReportCommand::Status(report) => commands::status::run(global, report),
        },
        Command::Plan { command } => match command {
            PlanCommand::Draft(draft) => commands::plan::draft(global, draft),
            PlanCommand::Show { plan, policy } => commands::plan::show(global, plan, policy.as_deref()),
            PlanCommand::Edit(edit) => commands::plan::edit(global, edit),
            PlanCommand::Approve(approve) => commands::plan::approve(global, approve),
            PlanCommand::Export { plan, form, out } => commands::plan::export(plan, *form, out.as_deref()),
        },
        Command::Remove(remove) => commands::remove::run(global, remove),
        Command::Verify(verify) => commands::verify::run(global, verify),
        Command::Block(block) => commands::block::run(global, block),
        Command::Ledger { command } => match command {
            LedgerCommand::Verify { what, key, checkpoint, report } => {
                commands::ledger::verify(global, what.as_deref(), key.as_deref(), checkpoint, report.as_deref())
            }
            LedgerCommand::Prove { report, out } => commands::ledger::prove(global, report, out.as_deref()),
            LedgerCommand::Checkpoint => commands::ledger::checkpoint(global),
            LedgerCommand::List => commands::ledger::list(global),
            LedgerCommand::Record { kind, order, by, text, file } => {
                commands::ledger::record(global, kind, order, by, text, file.as_deref())
            }
        },
        Command::Keys { command } => match command {
            KeysCommand::New { name } => commands::keys::new(global, name),
            KeysCommand::List => commands::keys::list(global),
            KeysCommand::Show { name } => commands::keys::show(global, name),
            KeysCommand::Trust { key } => commands::keys::trust(global, key),
        },
        Command::Demo(demo) => commands::demo::run(global, demo),
        Command::Completions { shell } => commands::manual::completions(*shell),
        Command::Man { folder } => commands::manual::man(folder),
    }
}
