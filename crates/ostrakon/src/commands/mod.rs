//! One module per command.

pub(crate) mod block;
pub(crate) mod demo;
pub(crate) mod dossier;
pub(crate) mod identify;
pub(crate) mod inventory;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod manual;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod remove;
pub(crate) mod report;
pub(crate) mod status;
mod summary;
pub(crate) mod verify;

use crate::args::Global;
use crate::error::CommandError;
use crate::terminal::say;
use jiff::civil::Date;
use ostrakon_identify::Identification;
use ostrakon_order::{Order, OrderError, Policy};
use std::io::IsTerminal;
use std::path::Path;

/// The policy file, or none.
fn policy(file: Option<&Path>) -> Result<Policy, CommandError> {
    let Some(file) = file else { return Ok(Policy::default()) };
    let text = crate::builtin::read(file)?;
    Ok(Policy::parse(&file.display().to_string(), &text).map_err(OrderError::Invalid)?)
}

/// What in a policy has no effect: acceptances that ended, rulings that fit nothing.
fn policy_notes(global: &Global, policy: &Policy, answers: &[(&Order, Identification)], today: Date) {
    for accepted in &policy.accepted {
        if let Some(until) = accepted.until.filter(|until| today > *until) {
            say(global, &format!("The acceptance by {} ended on {until}: {}", accepted.by, accepted.because));
        }
    }
    for ruling in &policy.rulings {
        let mut findings = answers.iter().flat_map(|(_, answer)| &answer.findings);
        match findings.find(|judged| judged.finding.id == ruling.finding) {
            None => {
                say(global, &format!("The ruling on {} by {} fits no finding of this look.", ruling.finding, ruling.by))
            }
            Some(judged) if judged.ruling.is_none() => say(
                global,
                &format!(
                    "The ruling on {} by {} has no effect: the finding is {}, and only possible ones are ruled on.",
                    ruling.finding, ruling.by, judged.finding.grade
                ),
            ),
            Some(_) => {}
        }
    }
}

/// A table for people, without lines between rows.
fn table(head: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    // Without a terminal there is no width to go by.
    if !std::io::stdout().is_terminal() {
        table.set_width(140);
    }
    table.set_header(head.iter().copied());
    table
}
