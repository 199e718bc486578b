//! Orders and dossiers: those compiled in, those of folders the user adds, those named by path.

use crate::args::Global;
use crate::error::CommandError;
use ostrakon_order::{Library, Order, OrderError, Source};
use std::fs;
use std::path::Path;

/// What `build.rs` packed, every byte turned over.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/builtin.bin"));

/// The texts compiled in.
fn builtin() -> Source {
    let blob: Vec<u8> = PACKED.iter().map(|byte| !byte).collect();
    let mut rest = blob.as_slice();
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let mut source = Source::default();
    while let (Some(kind), Some(folder), Some(name), Some(text)) = (part(), part(), part(), part()) {
        match kind.as_str() {
            "order" => source.orders.push((name, text)),
            "calendar" => source.calendars.push((name, text)),
            _ => push(&mut source, &folder, (format!("{folder}/{name}"), text)),
        }
    }
    source
}

fn push(source: &mut Source, folder: &str, file: (String, String)) {
    match source.dossiers.iter_mut().find(|(name, _)| name == folder) {
        Some((_, files)) => files.push(file),
        None => source.dossiers.push((folder.to_owned(), vec![file])),
    }
}

/// The texts at hand: built in, then those of `--orders` and `--dossiers`, which replace what has the same name.
fn texts(global: &Global) -> Result<Source, CommandError> {
    let mut source = builtin();
    for folder in &global.orders {
        for file in tables(folder)? {
            replace(&mut source.orders, file);
        }
        let calendars = folder.join("calendars");
        if calendars.is_dir() {
            for file in tables(&calendars)? {
                replace(&mut source.calendars, file);
            }
        }
    }
    for folder in &global.dossiers {
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        let mut dossiers: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        dossiers.sort();
        if dossiers.is_empty() {
            let help = "--dossiers takes a folder of dossiers; each is a folder with dossier.toml in it";
            return Err(CommandError::new(format!("{} holds no dossier", folder.display()), help));
        }
        for dossier in dossiers {
            let (name, files) = dossier_files(&dossier)?;
            source.dossiers.retain(|(known, _)| *known != name);
            source.dossiers.push((name, files));
        }
    }
    Ok(source)
}

fn replace(list: &mut Vec<(String, String)>, file: (String, String)) {
    let stem = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    list.retain(|(known, _)| stem(known) != stem(&file.0));
    list.push(file);
}

fn unreadable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::new(format!("cannot read {}: {error}", path.display()), "check the path")
}

/// Reads a file that is named by path.
pub(crate) fn read(path: &Path) -> Result<String, CommandError> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn tables(folder: &Path) -> Result<Vec<(String, String)>, CommandError> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml") && path.is_file());
    paths.sort();
    paths.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect()
}

/// A dossier folder: its name and the files in it.
pub(crate) fn dossier_files(folder: &Path) -> Result<(String, Vec<(String, String)>), CommandError> {
    let whole = fs::canonicalize(folder).map_err(|error| unreadable(folder, &error))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = tables(folder)?;
    if files.is_empty() {
        let help = "a dossier is a folder with dossier.toml in it: docs/dossiers.md shows one";
        return Err(CommandError::new(format!("{} holds no .toml file", folder.display()), help));
    }
    Ok((name, files))
}

/// Everything at hand, read.
pub(crate) fn library(global: &Global) -> Result<Library, CommandError> {
    Ok(Library::read(&texts(global)?)?)
}

/// The orders called `ids` with the dossiers they speak of, and only those: reading all of them costs a look's start.
pub(crate) fn for_orders(global: &Global, ids: &[String]) -> Result<(Library, Vec<Order>), CommandError> {
    let mut source = texts(global)?;
    let dossiers = std::mem::take(&mut source.dossiers);
    let mut library = Library::read(&source)?;
    let mut orders: Vec<Order> = Vec::new();
    for id in ids {
        let order = order(&mut library, id)?;
        if !orders.iter().any(|known| known.id == order.id) {
            orders.push(order);
        }
    }
    let asked = |name: &str| orders.iter().any(|order| order.scope.dossiers.iter().any(|dossier| dossier == name));
    let mut more = Source { dossiers, ..Source::default() };
    more.dossiers.retain(|(name, _)| asked(name));
    library.add(&more)?;
    for order in &orders {
        library.dossiers_of(order)?;
        if order.scope.dossiers.is_empty() {
            let help = "add `dossiers = [\"...\"]` to its scope, and the dossier with --dossiers DIR";
            return Err(CommandError::new(
                format!("order `{}` names no dossier: nothing can be recognised", order.id),
                help,
            ));
        }
        unknown_products(order, &library)?;
    }
    Ok((library, orders))
}

/// A scope rule about a product that no dossier has would silently never fit.
fn unknown_products(order: &Order, library: &Library) -> Result<(), CommandError> {
    for name in order.scope.rules.iter().flat_map(|rule| &rule.products) {
        let Some((vendor, product)) = name.split_once('/') else { continue };
        let known =
            library.dossiers.get(vendor).is_some_and(|dossier| product == "*" || dossier.product(product).is_some());
        if !known {
            let help = format!("`ostrakon dossier show {vendor}` lists the products");
            return Err(CommandError::new(
                format!("order `{}`: a scope rule names `{name}`, which no dossier has", order.id),
                help,
            ));
        }
    }
    Ok(())
}

/// The order called `id`: by id, alias or path.
pub(crate) fn order(library: &mut Library, id: &str) -> Result<Order, CommandError> {
    if id.ends_with(".toml") || id.contains('/') {
        let path = Path::new(id);
        let text = read(path)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let order = Order::parse(id, stem.as_deref(), &text).map_err(OrderError::Invalid)?;
        library.orders.insert(order.id.clone(), order.clone());
        return Ok(order);
    }
    Ok(library.order(id)?.clone())
}
