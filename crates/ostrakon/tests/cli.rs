//! The program as a user meets it, on small roots that the tests lay out from real fixtures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../collect/fixtures")
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").args(["-a", "--no-target-directory"]).args([from, to]).status().unwrap();
    assert!(done.success(), "{} -> {}", from.display(), to.display());
}

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// A healthy Debian-like root that holds none of the vendor's products.
fn healthy(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    write(&root, "usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
    write(&root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    write(&root, "etc/hostname", "pc7\n");
    let package = |name: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: Editors <e@example.org>\nArchitecture: amd64\nVersion: 7.2\n\n"
        )
    };
    write(&root, "var/lib/dpkg/status", &(package("nano") + &package("klibc-utils")));
    write(&root, "usr/share/lists/hosts", "0.0.0.0 kaspersky.com\n");
    root
}

fn run(arguments: &[&str]) -> Output {
    Command::cargo_bin("ostrakon").unwrap().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(arguments: &[&str]) -> (Value, i32) {
    let output = run(&[arguments, &["--format", "json"]].concat());
    let value = serde_json::from_slice(&output.stdout);
    (value.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr))), output.status.code().unwrap())
}

fn products(answer: &Value) -> Vec<String> {
    let findings = answer["findings"].as_array().unwrap();
    let row = |it: &Value| {
        let word = |key: &str| it[key].as_str().unwrap().to_owned();
        format!("{} {} {} in_scope={}", word("product"), word("presence"), word("grade"), it["in_scope"])
    };
    findings.iter().map(row).collect()
}

#[test]
fn a_healthy_root_is_nothing_found_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let root = healthy(folder.path());
    let (answer, code) = json(&["identify", root.to_str().unwrap(), "--order", "bod-17-01"]);
    assert_eq!(products(&answer), Vec::<String>::new());
    assert_eq!((answer["coverage"]["complete"].as_bool(), code), (Some(true), 0), "{answer:#}");
}

#[test]
fn one_unreadable_folder_is_exit_3_and_a_policy_with_a_name_turns_it_back() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = healthy(folder.path());
    fs::create_dir(root.join("srv")).unwrap();
    fs::create_dir(root.join("srv/secret")).unwrap();
    fs::set_permissions(root.join("srv/secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let policy = folder.path().join("policy.toml");
    let accept = "schema = \"ostrakon/policy/1\"\n[[accept]]\npattern = \"/srv/secret\"\nby = \"J. Doe, ISSO\"\nbecause = \"Holds keys only.\"\n";
    fs::write(&policy, accept).unwrap();
    // A copy that anybody may run: the build folder may lie in a home nobody else may enter.
    let program = folder.path().join("ostrakon");
    copy(Path::new(Command::cargo_bin("ostrakon").unwrap().get_program()), &program);
    let ordinary = |more: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["identify", root.to_str().unwrap(), "--order", "bod-17-01"]).args(more).current_dir("/");
        // For root nothing is unreadable.
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        command.output().unwrap()
    };
    let refused = ordinary(&[]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("/srv/secret"), "{}", text(&refused.stderr));
    let accepted = ordinary(&["--policy", policy.to_str().unwrap()]);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    assert!(
        text(&accepted.stderr).contains("accepted by J. Doe, ISSO: Holds keys only."),
        "{}",
        text(&accepted.stderr)
    );
    fs::set_permissions(root.join("srv/secret"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A root with the vendor's library as npm installs it, and its engine inside another maker's product.
fn with_library_and_engine(folder: &Path) -> PathBuf {
    let root = healthy(folder);
    fs::create_dir_all(root.join("usr/lib/node_modules")).unwrap();
    copy(&fixtures().join("npm/real/usr/lib/node_modules"), &root.join("usr/lib/node_modules"));
    write(&root, "opt/icewarp/antivirus/kavehost", "#!/bin/sh\n");
    write(&root, "opt/icewarp/antivirus/bases/u1313g.xml", "<update/>\n");
    root
}

#[test]
fn one_bundle_is_judged_differently_by_three_orders() {
    let folder = tempfile::tempdir().unwrap();
    let root = with_library_and_engine(folder.path());
    let bundle = folder.path().join("pc7.ostrakon");
    let (root, bundle) = (root.to_str().unwrap(), bundle.to_str().unwrap());
    let done = run(&["inventory", root, "--out", bundle]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let verdicts = |order: &str| {
        let (answer, _) = json(&["identify", bundle, "--order", order]);
        let findings = answer["findings"].as_array().unwrap().clone();
        let of = |product: &str| {
            let found =
                findings.iter().find(|it| it["product"] == product).unwrap_or_else(|| panic!("{product}: {answer:#}"));
            (found["in_scope"].as_bool().unwrap(), found["scope_reason"].as_str().unwrap().to_owned())
        };
        (of("engine"), of("libraries"))
    };
    let (directive, statute, commerce) =
        (verdicts("bod-17-01"), verdicts("ndaa-2018-1634"), verdicts("bis-icts-2021-002"));
    assert_eq!((directive.0.0, directive.1.0), (false, false), "17-01 leaves out embedded code and libraries");
    assert_eq!((statute.0.0, statute.1.0), (true, true), "s. 1634 takes in both");
    assert_eq!((commerce.0.0, commerce.1.0), (true, false), "the determination takes in integration, not libraries");
    let mut reasons = vec![directive.0.1, directive.1.1, statute.0.1, statute.1.1, commerce.0.1, commerce.1.1];
    reasons.sort();
    reasons.dedup();
    assert!(reasons.len() >= 5 && reasons.iter().all(|reason| reason.len() > 20), "{reasons:#?}");
}

#[test]
fn a_bundle_answers_as_the_place_did() {
    let folder = tempfile::tempdir().unwrap();
    let root = with_library_and_engine(folder.path());
    let bundle = folder.path().join("pc7.ostrakon");
    let (root, bundle) = (root.to_str().unwrap(), bundle.to_str().unwrap());
    run(&["inventory", root, "--out", bundle]);
    let findings = |place: &str| {
        let (answer, code) = json(&["identify", place, "--order", "ndaa-2018-1634"]);
        assert!(answer["findings"].to_string().contains("\"sha256\":\""), "no file was hashed: {answer:#}");
        (answer["findings"].clone(), answer["coverage"]["gaps"].clone(), answer["coverage"]["files"].clone(), code)
    };
    assert_eq!(findings(root), findings(bundle));
}

#[test]
fn a_bundle_that_was_cut_off_or_thinned_out_is_never_whole() {
    let folder = tempfile::tempdir().unwrap();
    let root = healthy(folder.path());
    let bundle = folder.path().join("pc7.ostrakon");
    run(&["inventory", root.to_str().unwrap(), "--out", bundle.to_str().unwrap()]);
    let whole = fs::read(&bundle).unwrap();
    let code = |bytes: &[u8]| {
        fs::write(&bundle, bytes).unwrap();
        run(&["identify", bundle.to_str().unwrap(), "--order", "bod-17-01"]).status.code().unwrap()
    };
    assert_eq!(code(&whole), 0);
    for cut in [1, 10, whole.len() / 2] {
        assert_ne!(code(&whole[..whole.len() - cut]), 0, "{cut} bytes cut off");
    }
    assert_eq!(code(b"no bundle"), 2);
    // Records taken out, head and tail left as they were.
    let lines = text(&zstd::decode_all(whole.as_slice()).unwrap());
    let list: Vec<&str> = lines.lines().collect();
    let thin = format!("{}\n{}\n", list[0], list[list.len() - 1]);
    assert_eq!(code(&zstd::encode_all(thin.as_bytes(), 1).unwrap()), 3);
}

#[test]
fn a_made_up_ban_is_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = healthy(folder.path());
    let bans = folder.path().join("bans");
    write(&bans, "nano/dossier.toml", NANO_DOSSIER);
    write(folder.path(), "nano-ban.toml", NANO_ORDER);
    let order = folder.path().join("nano-ban.toml");
    let dossiers = ["--dossiers", bans.to_str().unwrap()];
    let checked = run(&[&["order", "check", order.to_str().unwrap()], &dossiers[..]].concat());
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let checked = run(&["dossier", "check", bans.join("nano").to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let arguments = [&["identify", root.to_str().unwrap(), "--order", order.to_str().unwrap()], &dossiers[..]].concat();
    let (answer, code) = json(&arguments);
    assert_eq!(products(&answer), ["editor installed confirmed in_scope=true"]);
    assert_eq!(code, 1);
}

const NANO_DOSSIER: &str = r#"
schema = "ostrakon/dossier/1"
id = "nano"
title = "GNU nano"
summary = "The text editor of the GNU project."
[[entity]]
id = "gnu"
name = "GNU Project"
[[product]]
id = "editor"
title = "GNU nano"
kind = "app"
entity = "gnu"
[[indicator]]
product = "editor"
id = "package"
on = ["deb.name", "rpm.name", "apk.name"]
is = "nano"
grade = "confirmed"
source = ["debian"]
[[source]]
id = "debian"
url = "https://packages.debian.org/bookworm/nano"
[[lookalike]]
id = "nanoc"
what = "nanoc, a static-site generator"
reason = "Only the first letters are the same."
source = ["debian"]
artifact = { kind = "package", attributes = { "deb.name" = "nanoc" } }
"#;

const NANO_ORDER: &str = r#"
schema = "ostrakon/order/1"
id = "nano-ban"
title = "Removal of the nano editor"
issuer = "Office of Editors"
jurisdiction = "Example State"
instrument = "state-order"
force = "binding"
issued = 2026-11-01
status = "active"
confidence = "verified"
time_zone = "America/New_York"
summary = "Agencies find and remove nano."
[[source]]
id = "text"
url = "https://example.org/nb-1"
mark = "primary"
[scope]
dossiers = ["nano"]
depth = "branded"
[[scope.rule]]
decision = "in"
kinds = ["app"]
reason = "Editors are what the order names."
[[obligation]]
id = "identify"
verb = "identify"
what = "Find every use and report it."
trigger = "issuance"
complete_by = "30 days"
"#;

#[test]
fn names_no_terminal_should_see_are_spelled_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = healthy(folder.path());
    for name in [&b"new\nline"[..], b"\xff\xfe", b"esc\x1b[2J", b"a!b%", "\u{202e}gpj".as_bytes()] {
        let dir = root.join("opt/kaspersky/kesl").join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("prremote.dll"), "MZ").unwrap();
    }
    let output = run(&["identify", root.to_str().unwrap(), "--order", "bod-17-01", "-v"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    for bytes in [&output.stdout, &output.stderr] {
        assert!(!bytes.contains(&0x1b) && std::str::from_utf8(bytes).is_ok());
        assert!(!text(bytes).contains('\u{202e}'));
    }
}

#[test]
fn output_never_replaces_what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = healthy(folder.path());
    let link = folder.path().join("link");
    fs::write(folder.path().join("victim"), "mine").unwrap();
    std::os::unix::fs::symlink(folder.path().join("victim"), &link).unwrap();
    let refused = run(&["identify", root.to_str().unwrap(), "--order", "bod-17-01", "--out", link.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read_to_string(folder.path().join("victim")).unwrap(), "mine");
    let refused = run(&["inventory", root.to_str().unwrap(), "--out", link.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    let null = run(&["identify", root.to_str().unwrap(), "--order", "bod-17-01", "--out", "/dev/null"]);
    assert_eq!(null.status.code(), Some(0), "{}", text(&null.stderr));
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_place_without_a_file_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["identify", folder.path().to_str().unwrap(), "--order", "bod-17-01"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}

#[test]
fn errors_name_the_place_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = healthy(folder.path());
    let root = root.to_str().unwrap();
    write(
        folder.path(),
        "nano-ban.toml",
        &NANO_ORDER.replace("complete_by = \"30 days\"", "complete_by = \"30 moons\""),
    );
    let order = folder.path().join("nano-ban.toml");
    let said = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
        text(&output.stderr).replace(folder.path().to_str().unwrap(), "[folder]")
    };
    insta::assert_snapshot!("unknown order", said(&["identify", root, "--order", "bod-1701"]));
    insta::assert_snapshot!("order with a fault", said(&["order", "check", order.to_str().unwrap()]));
    insta::assert_snapshot!("no such place", said(&["identify", "/no/such/place", "--order", "bod-17-01"]));
}

#[test]
fn the_report_says_what_it_may_and_every_number_opens() {
    let folder = tempfile::tempdir().unwrap();
    let root = with_library_and_engine(folder.path());
    let bundle = folder.path().join("pc7.ostrakon");
    run(&["inventory", root.to_str().unwrap(), "--out", bundle.to_str().unwrap()]);
    write(folder.path(), "assets.csv", "name,component,mission_function\npc7,Census,payroll\npc8,Census,web\n");
    let assets = folder.path().join("assets.csv");
    let report = |order: &str, form: &str, more: &[&str]| {
        let arguments =
            [&["report", "identification", bundle.to_str().unwrap(), "--order", order, "--as", form], more].concat();
        let output = run(&arguments);
        (text(&output.stdout), output.status.code().unwrap())
    };
    let known = ["--assets", assets.to_str().unwrap()];
    // Nothing in scope of 17-01 and all of the one machine read: nil. With a second machine known: no nil.
    let (nil, code) = report("bod-17-01", "json", &[]);
    assert!(nil.contains("\"kind\": \"nil\"") && code == 0, "{nil}");
    let (refused, code) = report("bod-17-01", "json", &known);
    assert!(refused.contains("\"kind\": \"refused\"") && refused.contains("pc8") && code == 3, "{refused}");
    let (found, code) = report("ndaa-2018-1634", "json", &known);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((found["conclusion"]["kind"].as_str(), code), (Some("found"), 1));
    let products = found["products"].as_array().unwrap();
    let (html, _) = report("ndaa-2018-1634", "html", &known);
    let (markdown, _) = report("ndaa-2018-1634", "md", &known);
    assert_eq!(products.len(), 2);
    for product in products {
        for id in product["findings"].as_array().unwrap() {
            let id = id.as_str().unwrap();
            assert!(html.contains(&format!("href=\"#{id}\"")) && html.contains(&format!("id=\"{id}\"")), "{id}");
            assert!(markdown.contains(&format!("](#{id})")) && markdown.contains(&format!("<a id=\"{id}\">")), "{id}");
        }
    }
    for form in [&html, &markdown] {
        assert!(form.contains("Census") && form.contains("payroll") && form.contains("pc8"));
        assert!(!form.contains("<script"));
    }
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"), "the report loads nothing");
}

#[test]
fn help_is_what_it_was() {
    for command in [&["--help"][..], &["identify", "--help"], &["report", "identification", "--help"]] {
        let name = format!("help {}", command.join(" "));
        insta::assert_snapshot!(name, text(&run(command).stdout));
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", folder.path().to_str().unwrap()]).status.code(), Some(0));
    assert!(folder.path().join("ostrakon-identify.1").is_file());
    assert!(text(&run(&["completions", "bash"]).stdout).contains("identify"));
}

#[test]
fn explain_says_what_matches_and_what_does_not() {
    let kesl = run(&["dossier", "explain", r#"{"kind":"package","attributes":{"deb.name":"kesl"}}"#]);
    assert!(text(&kesl.stdout).contains("kaspersky/kesl"), "{}", text(&kesl.stdout));
    let other = run(&["dossier", "explain", r#"{"kind":"package","attributes":{"deb.name":"klibc-utils"}}"#]);
    assert!(text(&other.stdout).contains("makes no finding"), "{}", text(&other.stdout));
}

#[test]
fn a_look_at_another_place_is_never_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    fs::create_dir_all(&one).unwrap();
    fs::create_dir_all(&other).unwrap();
    let (clean, found) = (healthy(&one), with_library_and_engine(&other));
    let (clean, found) = (clean.to_str().unwrap(), found.to_str().unwrap());
    // Both have one machine id, as two disks of a machine or two copies of one do.
    for places in [[clean, found], [found, clean]] {
        let (answer, code) = json(&["identify", places[0], places[1], "--order", "ndaa-2018-1634"]);
        assert_eq!((answer["assets"].as_array().unwrap().len(), code), (2, 1));
    }
    let refused = run(&["identify", clean, found, "--order", "ndaa-2018-1634", "--asset", "pc7"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    let (again, _) = json(&["identify", found, found, "--order", "ndaa-2018-1634"]);
    assert_eq!(again["assets"].as_array().unwrap().len(), 1, "the same place twice is one look");
}

#[test]
fn every_shipped_dossier_passes_its_lookalikes_and_every_order_its_check() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let below = |folder: &str, files: bool| -> Vec<String> {
        let entries = fs::read_dir(repository.join(folder)).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.is_file() == files).map(|path| path.display().to_string()).collect()
    };
    let dossiers = below("dossiers", false);
    assert_eq!(dossiers.len(), 7);
    let list: Vec<&str> = dossiers.iter().map(String::as_str).collect();
    let checked = run(&[&["dossier", "check"], list.as_slice()].concat());
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    // Without a dossier nothing can be recognised, and an order may say so by naming none.
    for order in below("orders", true) {
        let checked = run(&["order", "check", &order]);
        assert_eq!(checked.status.code(), Some(0), "{order}: {}", text(&checked.stderr));
    }
}

#[test]
fn a_lookalike_that_is_taken_for_the_product_fails_the_check() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "nano/dossier.toml", &NANO_DOSSIER.replace("is = \"nano\"", "prefix = \"nano\""));
    let checked = run(&["dossier", "check", folder.path().join("nano").to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(text(&checked.stderr).contains("nanoc"), "{}", text(&checked.stderr));
}
