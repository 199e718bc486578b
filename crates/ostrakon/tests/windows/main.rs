//! The program on disks of Windows: NTFS with hives, signed programs, services, drivers and lookalikes, made by
//! `tests/windows/make_image.py` with a list of what is on them. Needs root, FUSE, loop devices and the packages of
//! `tests/windows/packages.txt`, which `ci/test` installs; elsewhere these tests are ignored.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disks;
mod mounted;

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The small disk in every format, and the damaged and encrypted ones.
pub(crate) struct Images {
    pub(crate) folder: PathBuf,
    /// What is on the disk, and what the other images are.
    pub(crate) truth: Value,
    pub(crate) extras: Value,
}

/// The images, made once.
pub(crate) fn images() -> &'static Images {
    static IMAGES: OnceLock<Images> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/windows/make_image.py");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disks");
        let _ = std::fs::remove_dir_all(&folder);
        let pki = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pki");
        let mut make = Command::new("python3");
        make.arg(script).args(["--small", "--extras", "--formats", "all", "--pki"]).arg(pki);
        run(make.arg("--out").arg(&folder));
        let read = |name: &str| serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let (truth, extras) = (read("truth.json"), read("extras.json"));
        Images { folder, truth, extras }
    })
}

pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// What the program says of a place, and its exit code.
pub(crate) fn identify(place: &Path) -> (Value, Option<i32>) {
    identify_for(place, "bod-17-01")
}

/// The same for any order.
pub(crate) fn identify_for(place: &Path, order: &str) -> (Value, Option<i32>) {
    let mut identify = Command::cargo_bin("ostrakon").unwrap();
    identify.arg("identify").arg(place).args(["--order", order, "--quiet", "--format", "json"]);
    let output = identify.output().unwrap();
    let answer = serde_json::from_slice(&output.stdout);
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    (answer.unwrap_or_else(|error| panic!("{error}: {}", said())), output.status.code())
}

/// The plants of the order's vendor that must be found.
pub(crate) fn wanted(truth: &Value) -> Vec<&Value> {
    let plants = truth["plants"].as_array().unwrap().iter();
    plants.filter(|plant| text(plant, "dossier") == "kaspersky" && plant["must_find"] == true).collect()
}

/// Which of `wanted` are not among `findings` of a place whose locators begin with `root`.
pub(crate) fn missed<'v>(wanted: &[&'v Value], findings: &[Value], root: &str) -> Vec<&'v str> {
    wanted.iter().filter(|plant| !is_found(plant, findings, root)).map(|plant| text(plant, "id")).collect()
}

/// Products that stand for any other: what is found of them is part of one that is known better.
const GENERIC: [&str; 2] = ["any", "avp"];

/// Was a plant found where it lies, as the product and in the state it has, and at least as surely? A folder stands for what
/// lies in it, and a task for its file.
fn is_found(plant: &Value, findings: &[Value], root: &str) -> bool {
    let (path, key) = (text(plant, "path").to_lowercase(), text(plant, "key").to_lowercase());
    let product = text(plant, "product");
    let task = path.rsplit("/system32/tasks/").next().filter(|_| path.contains("/system32/tasks/"));
    let grade =
        |value: &Value| ["possible", "probable", "confirmed"].iter().position(|known| *known == text(value, "grade"));
    findings.iter().any(|finding| {
        let fits = GENERIC.contains(&product) || text(finding, "product") == product;
        fits && finding["evidence"].as_array().unwrap().iter().any(|evidence| {
            let at = text(evidence, "locator").strip_prefix(root).unwrap_or_default().to_lowercase();
            // Deleted files are shown by the number of their record, streams behind the name of the file.
            let at = at
                .strip_prefix("/$deleted/")
                .and_then(|at| at.split_once('/'))
                .map_or(at.clone(), |(_, at)| format!("/{at}"));
            let at = at.strip_suffix(&format!(":{}", text(plant, "stream"))).unwrap_or(&at);
            let there = match (at.split_once('!'), key.is_empty()) {
                (Some((file, inside)), false) => file == path && key.starts_with(inside),
                (Some((file, inside)), true) => {
                    file == path || task.is_some_and(|task| inside.ends_with(&format!("tree\\{task}")))
                }
                (None, true) => path == at || path.starts_with(&format!("{at}/")),
                (None, false) => false,
            };
            there && text(evidence, "presence") == text(plant, "presence") && grade(evidence) >= grade(plant)
        })
    })
}
