//! One module per command.

pub(crate) mod dossier;
pub(crate) mod identify;
pub(crate) mod inventory;
pub(crate) mod manual;
pub(crate) mod order;
pub(crate) mod report;
mod summary;

use crate::error::CommandError;
use ostrakon_order::{OrderError, Policy};
use std::io::IsTerminal;
use std::path::Path;

/// The policy file, or none.
fn policy(file: Option<&Path>) -> Result<Policy, CommandError> {
    let Some(file) = file else { return Ok(Policy::default()) };
    let text = crate::builtin::read(file)?;
    Ok(Policy::parse(&file.display().to_string(), &text).map_err(OrderError::Invalid)?)
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
