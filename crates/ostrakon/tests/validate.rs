//! What the program writes and reads, held against other people's tools. They come from PyPI and npm, so these tests are
//! ignored unless asked for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::cargo::CommandCargoExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn program() -> PathBuf {
    PathBuf::from(Command::cargo_bin("ostrakon").unwrap().get_program())
}

#[test]
#[ignore = "needs PyPI and npm"]
fn what_is_written_is_what_the_formats_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for fixture in ["dpkg/real", "npm/real", "pe/real", "pe/real-forged", "package-file/real", "npm-lock/damaged"] {
        let from = top().join("crates/collect/fixtures").join(fixture);
        std::fs::create_dir_all(&root).unwrap();
        let done = Command::new("cp").arg("-r").arg(format!("{}/.", from.display())).arg(&root).status().unwrap();
        assert!(done.success());
    }
    // A name that formats with markup or addresses could trip over.
    let odd = root.join("srv/a [b](http:c) {0}%25/avp.exe");
    std::fs::create_dir_all(odd.parent().unwrap()).unwrap();
    std::fs::write(odd, "MZ").unwrap();
    let files: Vec<PathBuf> = ["cyclonedx", "sarif", "ocsf"]
        .iter()
        .map(|format| {
            let out = folder.path().join(format!("out.{format}"));
            let orders = ["--order", "bod-17-01", "--order", "ndaa-2018-1634"];
            let mut command = Command::new(program());
            command
                .arg("identify")
                .arg(&root)
                .args(orders)
                .args(["--quiet", "--format", format])
                .arg("--out")
                .arg(&out);
            assert_eq!(command.status().unwrap().code(), Some(1));
            out
        })
        .collect();
    let output = Command::new(top().join("tests/validate/formats.sh")).args(&files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("valid ").count(), 3, "{said}");
}

#[test]
#[ignore = "needs PyPI"]
fn every_sbom_that_syft_writes_gives_the_findings_of_the_image() {
    let output = Command::new(top().join("tests/validate/sbom.sh")).arg(program()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches(": the same").count(), 10, "{said}");
}
