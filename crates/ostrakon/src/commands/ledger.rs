//! `ostrakon ledger`

use super::table;
use crate::args::Global;
use crate::error::CommandError;
use crate::home::{Home, is_there};
use crate::recording::{Recorder, digest_of};
use crate::{builtin, terminal};
use ostrakon_ledger::{Proof, Subject, sha256};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn no_ledger(home: &Home) -> CommandError {
    let help =
        "a ledger is made by the first command that records something: plan draft, remove, report, ledger record";
    CommandError::new(format!("there is no ledger in {}", home.path().display()), help)
}

pub(crate) fn verify(
    global: &Global,
    what: Option<&Path>,
    key: Option<&str>,
    checkpoints: &[PathBuf],
    report: Option<&Path>,
) -> Result<u8, CommandError> {
    let key = key.map(super::keys::public).transpose()?;
    if let Some(file) = what.filter(|what| what.is_file()) {
        return proof(global, file, key.as_ref(), report);
    }
    if report.is_some() {
        let help = "make a proof first: ostrakon ledger prove REPORT --out proof.json";
        return Err(CommandError::new("--report goes with a proof file", help));
    }
    let folder = match what {
        Some(folder) => folder.to_owned(),
        None => {
            let home = Home::of(global)?;
            if !home.has_ledger() {
                return Err(no_ledger(&home));
            }
            home.path().join("ledger")
        }
    };
    let older = checkpoints.iter().map(|file| builtin::read(file)).collect::<Result<Vec<_>, _>>()?;
    let report = ostrakon_ledger::verify(&folder, key.as_ref(), &older)?;
    let kinds: Vec<String> = report.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let mut text = format!(
        "The ledger holds: {} entries ({}), {} document(s).\n",
        report.size,
        kinds.join(", "),
        report.documents
    );
    text.push_str(&format!("Signed by {}\n", report.key));
    if let Some(since) = report.since {
        text.push_str(&format!("It goes on from the checkpoint of {since} entries.\n"));
    }
    terminal::print(&text)?;
    whose(global, key.is_some());
    Ok(0)
}

/// What a reader who gave no key must still do.
fn whose(global: &Global, given: bool) {
    if !given {
        terminal::say(
            global,
            "No key was given: compare the key above with the one its owner has published, or give it with --key.",
        );
    }
}

fn proof(
    global: &Global,
    file: &Path,
    key: Option<&ostrakon_ledger::PublicKey>,
    report: Option<&Path>,
) -> Result<u8, CommandError> {
    let bytes = std::fs::read(file)
        .map_err(|error| CommandError::new(format!("cannot read {}: {error}", file.display()), ""))?;
    let checked = Proof::check(&bytes, key)?;
    let entry = &checked.report;
    let own = entry.subject.first();
    if let Some(report) = report {
        let digest = digest_of(report)?;
        if own.is_none_or(|own| own.sha256() != digest) {
            let message = format!("{} is not the report of this proof: its digest is {digest}", report.display());
            return Err(CommandError::new(message, "ask for the report that was recorded, or for another proof"));
        }
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = "The proof holds.\n".to_owned();
    let order = &entry.body["order"];
    out.push_str(&format!("Report     {} of {}\n", own.map_or("", |own| own.name.as_str()), entry.at));
    out.push_str(&format!(
        "           sha256:{}{}\n",
        own.map_or("", Subject::sha256),
        if report.is_some() { " (the file given)" } else { "" }
    ));
    out.push_str(&format!("Order      {} sha256:{}\n", text(&order["id"]), text(&order["sha256"])));
    if let Some(claim) = entry.body["claim"].as_object() {
        for (name, value) in claim {
            let value = match value {
                Value::Array(list) => list.iter().map(&text).collect::<Vec<_>>().join(", "),
                other => text(other),
            };
            out.push_str(&format!("Claim      {name}: {value}\n"));
        }
    }
    for entry in &checked.made_of {
        out.push_str(&format!(
            "Made of    {} sha256:{}\n",
            entry.label(),
            entry.subject.first().map_or("", Subject::sha256)
        ));
    }
    out.push_str(&format!("Under      a checkpoint of {} entries, signed by {}\n", checked.size, checked.key));
    terminal::print(&out)?;
    whose(global, key.is_some());
    Ok(0)
}

pub(crate) fn prove(global: &Global, report: &str, out: Option<&Path>) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    if !home.has_ledger() {
        return Err(no_ledger(&home));
    }
    let recorder = Recorder::open(global, &home)?;
    let index = match report.parse::<u64>() {
        Ok(index) if !is_there(Path::new(report)) => index,
        _ => {
            let digest = digest_of(Path::new(report))?;
            let fits = |entry: &ostrakon_ledger::Entry| {
                entry.kind == "report" && entry.subject.iter().any(|of| of.sha256() == digest)
            };
            let found = recorder.entries().iter().rev().find(|(entry, _)| fits(entry));
            let Some((_, at)) = found else {
                let help =
                    "only a report that was recorded as it is can be proved: make it again with `ostrakon report ...`";
                return Err(CommandError::new(
                    format!("{report} is not in the ledger of {}", home.path().display()),
                    help,
                ));
            };
            at.index
        }
    };
    let proof = Proof::of(recorder.ledger(), index)?;
    let bytes = proof.to_bytes()?;
    terminal::result(out, &String::from_utf8_lossy(&bytes))?;
    terminal::say(
        global,
        &format!(
            "Anyone can check it: ostrakon ledger verify {}",
            out.map_or("FILE".into(), |out| out.display().to_string())
        ),
    );
    Ok(0)
}

pub(crate) fn checkpoint(global: &Global) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    if !home.has_ledger() {
        return Err(no_ledger(&home));
    }
    let (ledger, _) = home.ledger(global)?;
    terminal::print(&ledger.checkpoint()?)?;
    Ok(0)
}

pub(crate) fn list(global: &Global) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    if !home.has_ledger() {
        return Err(no_ledger(&home));
    }
    let recorder = Recorder::open(global, &home)?;
    let mut rows = table(&["#", "When", "Kind", "Of", "SHA-256"]);
    for (entry, at) in recorder.entries() {
        let of = entry.subject.first();
        let digest = of.map_or("", Subject::sha256);
        rows.add_row([
            at.index.to_string(),
            entry.at.clone(),
            entry.kind.clone(),
            terminal::printable(of.map_or("", |of| of.name.as_str())),
            digest.get(..16).unwrap_or_default().to_owned(),
        ]);
    }
    terminal::print(&format!("{rows}\n"))?;
    Ok(0)
}

pub(crate) fn record(
    global: &Global,
    kind: &str,
    order: &str,
    by: &str,
    text: &str,
    file: Option<&Path>,
) -> Result<u8, CommandError> {
    let (_, mut orders) = builtin::for_orders(global, &[order.to_owned()])?;
    let order = orders.remove(0);
    let (document, name) = match file {
        None if text.is_empty() => {
            return Err(CommandError::new("the record says nothing", "give --text TEXT, --file FILE, or both"));
        }
        None => (text.as_bytes().to_vec(), kind.to_owned()),
        Some(file) => {
            let bytes = std::fs::read(file)
                .map_err(|error| CommandError::new(format!("cannot read {}: {error}", file.display()), ""))?;
            (bytes, file.file_name().unwrap_or_default().to_string_lossy().into_owned())
        }
    };
    let home = Home::of(global)?;
    let mut recorder = Recorder::open(global, &home)?;
    recorder.order(&order)?;
    let digest = sha256(&document);
    recorder.ledger().keep(&document)?;
    let body = json!({"order": order.id, "by": by, "text": text});
    let source = recorder.append(kind, vec![Subject::of(name, digest)], body)?;
    terminal::say(global, &format!("Recorded as {}.", source.what));
    Ok(0)
}
