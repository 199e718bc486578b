//! Packs the orders, calendars and dossiers of the repository into one blob that is compiled in: one file is the whole
//! program.
//!
//! Every byte is turned over. A scanner that looks for the marks of a product would otherwise find them, in plain text,
//! in this program.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(&env("CARGO_MANIFEST_DIR")).join("../..");
    println!("cargo::rerun-if-changed={}", root.join("orders").display());
    println!("cargo::rerun-if-changed={}", root.join("dossiers").display());
    let mut blob = Vec::new();
    for (kind, folder) in [("order", "orders"), ("calendar", "orders/calendars")] {
        for file in tables(&root.join(folder)) {
            add(&mut blob, kind, "", &file);
        }
    }
    for dossier in sorted(&root.join("dossiers")).into_iter().filter(|path| path.is_dir()) {
        let name = dossier.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in tables(&dossier) {
            add(&mut blob, "dossier", &name, &file);
        }
    }
    let out = Path::new(&env("OUT_DIR")).join("builtin.bin");
    let turned: Vec<u8> = blob.iter().map(|byte| !byte).collect();
    fs::write(&out, turned).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script where it is")]
fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut list: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    list.sort();
    list
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    sorted(folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "toml")).collect()
}

/// One entry: four texts, each with its length before it.
fn add(blob: &mut Vec<u8>, kind: &str, dossier: &str, file: &Path) {
    println!("cargo::rerun-if-changed={}", file.display());
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    for part in [kind, dossier, &name, &text] {
        let length = u32::try_from(part.len()).unwrap_or_else(|_| panic!("{} is too large", file.display()));
        let written = blob.write_all(&length.to_le_bytes()).and_then(|()| blob.write_all(part.as_bytes()));
        written.unwrap_or_else(|error| panic!("{error}"));
    }
}
