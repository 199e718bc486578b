//! The program on real systems: a Debian root with packages its own dpkg installed, an rpm root, and this machine. These
//! need root, and the tools and packages that `ci/test` installs; elsewhere they are ignored, which the runner counts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn program() -> PathBuf {
    Command::cargo_bin("ostrakon").unwrap().get_program().into()
}

/// A root made by one of the scripts in `tests/fixtures`.
fn made(script: &str, arguments: &[&str], folder: &Path) -> PathBuf {
    let root = folder.join("root");
    let made = Command::new("bash")
        .arg(repository().join("tests/fixtures").join(script))
        .args(arguments)
        .arg(&root)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(made.status.success(), "{script}: {}", String::from_utf8_lossy(&made.stderr));
    root
}

fn identify(place: &Path, order: &str) -> (Value, i32) {
    let output =
        Command::new(program()).args(["identify", "--order", order, "--format", "json"]).arg(place).output().unwrap();
    let value = serde_json::from_slice(&output.stdout);
    (value.unwrap_or_else(|error| panic!("{error}: {}", said(&output))), output.status.code().unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows(answer: &Value) -> BTreeSet<String> {
    let word = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let row = |it: &Value| {
        format!("{} {} {} {}", word(it, "product"), word(it, "presence"), word(it, "grade"), it["in_scope"])
    };
    answer["findings"].as_array().unwrap().iter().map(row).collect()
}

#[test]
#[ignore = "needs root and debootstrap"]
fn every_plant_in_a_real_debian_root_is_found_and_no_lookalike() {
    let folder = tempfile::tempdir().unwrap();
    let root = made("debian-root.sh", &[], folder.path());
    let (answer, code) = identify(&root, "bod-17-01");
    let expected = [
        "kesl installed confirmed true",
        "klnagent installed confirmed true",
        "kes remnant confirmed true",
        "engine embedded confirmed false",
        "libraries installed confirmed false",
        "opentip installed confirmed false",
    ];
    assert_eq!(rows(&answer), expected.map(str::to_owned).into());
    assert_eq!(code, 1);
    assert_eq!(answer["coverage"]["complete"], true, "{:#}", answer["coverage"]["gaps"]);
    // Nothing of the lookalikes that are really installed there.
    let text = answer["findings"].to_string();
    for lookalike in ["rspamd", "amavis", "spamassassin", "lynis", "nmap", "wireshark", "klibc"] {
        assert!(!text.contains(lookalike), "{lookalike} was taken for the vendor's");
    }
    // The settings a removed package left are evidence of what it left.
    assert!(text.contains("kesl-gui"));
}

#[test]
#[ignore = "needs root and debootstrap"]
fn a_real_debian_root_with_lookalikes_alone_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let root = made("debian-root.sh", &["--clean"], folder.path());
    for order in ["bod-17-01", "ndaa-2018-1634"] {
        let (answer, code) = identify(&root, order);
        assert_eq!((rows(&answer), code), (BTreeSet::new(), 0), "{:#}", answer["coverage"]["gaps"]);
    }
}

#[test]
#[ignore = "needs root and rpm"]
fn a_database_of_the_real_rpm_is_read_in_each_format() {
    for format in ["sqlite", "bdb", "ndb"] {
        let folder = tempfile::tempdir().unwrap();
        let root = made("rpm-root.sh", &["--db", format], folder.path());
        let (answer, code) = identify(&root, "bod-17-01");
        let rows = rows(&answer);
        for product in ["kesl installed confirmed true", "klnagent installed confirmed true"] {
            assert!(rows.contains(product), "{format}: {rows:?}");
        }
        assert_eq!(code, 1);
    }
}

/// This machine without its large folders: what the live collectors add, in seconds.
fn live(before: &[&str], more: &[&str]) -> Output {
    let mut words: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
    words.push(program().display().to_string());
    words.extend(["identify", "--order", "bod-17-01", "--format", "json"].map(str::to_owned));
    // Everything but the few small folders every machine has.
    for entry in fs::read_dir("/").unwrap().flatten() {
        let small = ["bin", "boot", "etc", "lib", "proc", "run", "sbin", "sys"];
        if entry.file_type().unwrap().is_dir() && !small.contains(&&*entry.file_name().to_string_lossy()) {
            words.extend(["--exclude".to_owned(), entry.path().display().to_string()]);
        }
    }
    words.extend(more.iter().map(|word| (*word).to_owned()));
    Command::new(&words[0]).args(&words[1..]).output().unwrap()
}

#[test]
#[ignore = "needs root"]
fn a_process_of_the_product_is_running() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = folder.path().join("opt/kaspersky/kesl/libexec/kesl");
    fs::create_dir_all(daemon.parent().unwrap()).unwrap();
    // By another process: a program this one still held open for writing, in a child of another test, cannot be run.
    assert!(Command::new("cp").arg("/bin/sleep").arg(&daemon).status().unwrap().success());
    let mut child = Command::new(&daemon).arg("120").stdout(Stdio::null()).spawn().unwrap();
    let output = live(&[], &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(rows(&answer).contains("kesl running confirmed true"), "{:#}", answer["findings"]);
    // A process that root may ask about is no gap. (In a container, root may not ask about every one.)
    let refused = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let exe = fs::read_link(entry.path().join("exe"));
        exe.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    });
    let gaps = &answer["coverage"]["gaps"];
    assert_eq!(gaps.to_string().contains("\"/proc\""), refused, "{gaps:#}");
}

#[test]
#[ignore = "needs root, unshare and strace"]
fn no_connection_is_tried_and_nothing_is_written_but_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    fs::create_dir(&out).unwrap();
    let result = out.join("result.json");
    let strace = [
        "unshare",
        "--net",
        "strace",
        "-f",
        "-s",
        "4096",
        "-e",
        "trace=network,file,ftruncate,fchmod,fchown",
        "-o",
        log.to_str().unwrap(),
    ];
    let output = live(&strace, &["--out", result.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", said(&output));
    assert!(result.is_file());
    let calls = fs::read_to_string(&log).unwrap();
    assert!(calls.contains("openat"), "strace saw nothing");
    for call in ["socket(", "connect(", "bind(", "sendto(", "sendmsg("] {
        assert!(!calls.contains(call), "{call}");
    }
    const CHANGES: [&str; 14] = [
        "O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "rename", "unlink", "mkdir", "rmdir", "symlink", "link(", "chmod",
        "chown", "utime", "truncate",
    ];
    let own = out.canonicalize().unwrap();
    // Of a call and its flags, not of the names of files.
    let changes = |line: &&str| {
        let call: String = line.split('"').step_by(2).collect();
        CHANGES.iter().any(|change| call.contains(change))
    };
    for line in calls.lines().filter(changes) {
        let call = line.split_once(' ').map_or(line, |(_, call)| call).trim_start();
        let harmless = call.starts_with("readlink")
            || call.contains("ENOENT")
            || call.contains("/dev/null")
            || call.starts_with("fcntl");
        assert!(harmless || call.contains(own.to_str().unwrap()), "{line}");
    }
}
