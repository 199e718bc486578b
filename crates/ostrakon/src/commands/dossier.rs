//! `ostrakon dossier`

use super::table;
use crate::args::Global;
use crate::error::CommandError;
use crate::{builtin, terminal};
use ostrakon_collect::methods;
use ostrakon_identify::Recogniser;
use ostrakon_identify::explain::{Tested, check_lookalikes, explain as explained};
use ostrakon_model::{Artifact, Attribute, Locator};
use ostrakon_order::{Dossier, OrderError};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) fn list(global: &Global) -> Result<u8, CommandError> {
    let library = builtin::library(global)?;
    let mut rows = table(&["id", "title", "products", "indicators", "lookalikes"]);
    for dossier in library.dossiers.values() {
        rows.add_row([
            dossier.id.clone(),
            dossier.title.clone(),
            dossier.products.len().to_string(),
            dossier.indicators.len().to_string(),
            dossier.lookalikes.len().to_string(),
        ]);
    }
    terminal::print(&format!("{rows}\n"))?;
    Ok(0)
}

/// The attributes some collector sets.
fn collected() -> BTreeSet<Attribute> {
    methods(true).into_iter().flat_map(|method| method.attributes).collect()
}

pub(crate) fn show(global: &Global, id: &str) -> Result<u8, CommandError> {
    let dossier = if Path::new(id).is_dir() {
        let (name, files) = builtin::dossier_files(Path::new(id))?;
        Dossier::parse(&name, &files).map_err(OrderError::Invalid)?
    } else {
        builtin::library(global)?.dossier(id)?.clone()
    };
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_dossier(&mut out, &dossier);
    terminal::print(&out)?;
    Ok(0)
}

fn write_dossier(out: &mut String, dossier: &Dossier) -> std::fmt::Result {
    let collected = collected();
    writeln!(out, "{} ({}), {}", dossier.title, dossier.id, ostrakon_report::digest(&dossier.text))?;
    writeln!(out, "{}\n\nEntities", dossier.summary)?;
    for entity in &dossier.entities {
        writeln!(out, "  {}: {} {}", entity.id, entity.name, entity.country)?;
    }
    for (at, product) in dossier.products.iter().enumerate() {
        writeln!(out, "\n{}/{}: {} ({})", dossier.id, product.id, product.title, product.kind)?;
        for indicator in dossier.indicators.iter().filter(|indicator| indicator.product == at) {
            let on: Vec<_> = indicator.on.iter().map(|attribute| attribute.name()).collect();
            let supporting = if indicator.supporting { ", supporting" } else { "" };
            let presence = indicator.presence.map(|presence| format!(", {presence}")).unwrap_or_default();
            let blind = if indicator.on.iter().any(|it| collected.contains(it)) { "" } else { ", no collector yet" };
            writeln!(
                out,
                "  {} {} {} ({}{supporting}{presence}{blind})",
                on.join(" | "),
                indicator.test.word(),
                indicator.test.says(),
                indicator.grade
            )?;
        }
    }
    Ok(())
}

pub(crate) fn check(global: &Global, folders: &[PathBuf], schema: bool) -> Result<u8, CommandError> {
    if schema {
        terminal::print(&format!("{:#}\n", ostrakon_order::dossier_schema().to_value()))?;
        return Ok(0);
    }
    let mut faults = Vec::new();
    for folder in folders {
        let (name, files) = builtin::dossier_files(folder)?;
        match Dossier::parse(&name, &files) {
            Ok(dossier) => {
                let blind = blind(&dossier);
                let count = (dossier.indicators.len(), dossier.lookalikes.len());
                let mut wrong = check_lookalikes(&Recogniser::of(vec![dossier])?);
                if wrong.is_empty() {
                    let text = format!(
                        "{}: whole. {} indicator(s), {} lookalike(s) stay what they are.{blind}",
                        folder.display(),
                        count.0,
                        count.1
                    );
                    terminal::say(global, &text);
                }
                faults.append(&mut wrong);
            }
            Err(mut list) => faults.append(&mut list),
        }
    }
    if faults.is_empty() { Ok(0) } else { Err(OrderError::Invalid(faults).into()) }
}

/// The attributes a dossier asks about that nothing collects yet.
fn blind(dossier: &Dossier) -> String {
    let collected = collected();
    let asked: BTreeSet<Attribute> = dossier.indicators.iter().flat_map(|indicator| indicator.on.clone()).collect();
    let names: Vec<_> = asked.difference(&collected).map(|attribute| attribute.name()).collect();
    if names.is_empty() { String::new() } else { format!("\nNo collector yet for: {}.", names.join(", ")) }
}

pub(crate) fn explain(global: &Global, given: &str, all: bool) -> Result<u8, CommandError> {
    let text = match given {
        "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| CommandError::new(format!("cannot read stdin: {error}"), ""))?;
            text
        }
        inline if inline.trim_start().starts_with('{') => inline.to_owned(),
        file => builtin::read(Path::new(file))?,
    };
    let artifact = artifact(&text)?;
    let library = builtin::library(global)?;
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let explanation = explained(&recogniser, &artifact);
    let mut out = String::new();
    if explanation.findings.is_empty() {
        out.push_str("This artifact alone makes no finding.\n");
    }
    for finding in &explanation.findings {
        let _ = writeln!(
            out,
            "Makes a finding: {}/{} ({}), {}, {}",
            finding.vendor, finding.product, finding.title, finding.presence, finding.grade
        );
    }
    let row = |out: &mut String, it: &Tested| {
        let _ =
            writeln!(out, "  {} asks that {} {}\n      {} ({})", it.indicator, it.attribute, it.asks, it.why, it.grade);
    };
    let _ = writeln!(out, "\nMatches: {}", explanation.matches.len());
    explanation.matches.iter().for_each(|it| row(&mut out, it));
    let shown = if all { explanation.misses.len() } else { 5 };
    let _ = writeln!(out, "\nOn the same attributes and not matching: {}", explanation.misses.len());
    explanation.misses.iter().take(shown).for_each(|it| row(&mut out, it));
    if explanation.misses.len() > shown {
        let _ = writeln!(out, "  and {} more (--all)", explanation.misses.len() - shown);
    }
    if !explanation.unasked.is_empty() {
        let names: Vec<_> = explanation.unasked.iter().map(|name| name.name()).collect();
        let _ = writeln!(out, "\nNo indicator asks about: {}", names.join(", "));
    }
    terminal::print(&out)?;
    Ok(u8::from(!explanation.findings.is_empty()))
}

/// An artifact as people write it: the locator may be left out.
fn artifact(text: &str) -> Result<Artifact, CommandError> {
    let help = "an artifact is {\"kind\":\"package\",\"attributes\":{\"deb.name\":\"kesl\"}}; `ostrakon dossier attributes` lists the attributes";
    let wrong = |error: serde_json::Error| CommandError::new(format!("not an artifact: {error}"), help);
    let mut json: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
    if let Some(object) = json.as_object_mut() {
        object.entry("locator").or_insert_with(|| Locator("/".to_owned()).0.into());
    }
    serde_json::from_value(json).map_err(wrong)
}

pub(crate) fn attributes() -> Result<u8, CommandError> {
    let collected = collected();
    let mut rows = table(&["attribute", "meaning", "collected"]);
    for attribute in Attribute::all() {
        let word = if collected.contains(&attribute) { "yes" } else { "not yet" };
        rows.add_row([attribute.name(), attribute.info().meaning, word]);
    }
    terminal::print(&format!("{rows}\n"))?;
    Ok(0)
}
