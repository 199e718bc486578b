//! The formats for other programs, on an answer that holds one of everything. `tests/validate/formats.sh` asks the formats'
//! own tools about what the program writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::date;
use ostrakon_identify::identification::{Subject, identify};
use ostrakon_identify::{Evidence, Finding, Identification};
use ostrakon_model::{
    ArtifactKind, Attribute, Ending, Excluded, Exclusion, Gap, GapReason, Grade, Locator, Look, Presence, Presences,
    ProductKind,
};
use ostrakon_order::dossier::{Dossier, Entity};
use ostrakon_order::{Order, Policy};
use ostrakon_report::baseline::Baseline;
use ostrakon_report::cyclonedx::cyclonedx;
use ostrakon_report::ocsf::ocsf;
use ostrakon_report::sarif::sarif;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const STARTED: &str = "2026-11-02T08:00:00Z";
const FINISHED: &str = "2026-11-02T08:00:05.5Z";

const ORDER: &str = r#"
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

const POLICY: &str = r#"
schema = "ostrakon/policy/1"
[[accept]]
pattern = "/srv/keys"
by = "J. Doe, ISSO"
because = "Holds keys only."
[[ruling]]
finding = "00000000000c"
decision = "not-product"
by = "J. Doe, ISSO"
because = "A word list."
"#;

fn order() -> Order {
    Order::parse("nano-ban.toml", Some("nano-ban"), ORDER).unwrap()
}

fn dossiers() -> Vec<Dossier> {
    let gnu = Entity {
        id: "gnu".to_owned(),
        name: "GNU Project".to_owned(),
        country: String::new(),
        aliases: Vec::new(),
        ids: BTreeMap::new(),
        note: String::new(),
    };
    vec![Dossier {
        id: "nano".to_owned(),
        title: "GNU nano".to_owned(),
        summary: String::new(),
        entities: vec![gnu],
        products: Vec::new(),
        indicators: Vec::new(),
        sources: BTreeMap::new(),
        lookalikes: Vec::new(),
        removals: Vec::new(),
        facts: Vec::new(),
        embeds: Vec::new(),
        text: String::new(),
    }]
}

fn look(id: &str, name: &str) -> Look {
    let look = json!({
        "schema": "ostrakon/bundle/1",
        "version": "0.1.0",
        "started": STARTED,
        "asset": {"id": id, "kind": "host", "name": name, "os": "Debian GNU/Linux 12"},
        "place": "/",
        "privilege": "root",
        "methods": [{"collector": "dpkg", "what": "Debian packages.", "cannot_see": "Others.", "version": "1",
                     "attributes": ["deb.name"], "state": "used"}],
    });
    serde_json::from_value(look).unwrap()
}

fn evidence(kind: ArtifactKind, attribute: Attribute, value: &str, locator: &str) -> Evidence {
    Evidence {
        kind,
        attribute,
        value: value.to_owned(),
        indicator: format!("nano/editor#{}", attribute.name().replace('.', "-")),
        locator: Locator(locator.to_owned()),
        sha256: None,
        grade: Grade::Confirmed,
        supporting: false,
        presence: Presence::Installed,
        version: String::new(),
        purl: String::new(),
        note: String::new(),
    }
}

fn finding(id: &str, evidence: Vec<Evidence>) -> Finding {
    Finding {
        id: id.to_owned(),
        asset: "machine:7".to_owned(),
        vendor: "nano".to_owned(),
        product: "editor".to_owned(),
        title: "GNU nano".to_owned(),
        kind: ProductKind::App,
        entity: "gnu".to_owned(),
        presence: Presence::Installed,
        grade: Grade::Confirmed,
        root: String::new(),
        evidence,
        needed_by: Vec::new(),
    }
}

/// An installed package with a program; a library, out of scope; a word list, ruled out; an engine inside an archive.
fn findings() -> Vec<Finding> {
    let package = Evidence {
        version: "7.2+b1".to_owned(),
        ..evidence(ArtifactKind::Package, Attribute::known("deb.name"), "nano", "/var/lib/dpkg/status")
    };
    let program = Evidence {
        sha256: Some("ab".repeat(32)),
        note: "belongs to package deb:nano".to_owned(),
        ..evidence(ArtifactKind::Executable, Attribute::known("file.path"), "/bin/nano", "/bin/nano")
    };
    let editor = Finding {
        needed_by: vec!["deb:site-editor needs nano".to_owned()],
        ..finding("00000000000a", vec![package, program])
    };
    let module = Evidence {
        version: "3.9.2".to_owned(),
        ..evidence(
            ArtifactKind::Library,
            Attribute::known("npm.name"),
            "@gnu/nano",
            "/usr/lib/node_modules/@gnu/nano/package.json",
        )
    };
    let library = Finding { kind: ProductKind::Library, ..finding("00000000000b", vec![module]) };
    let words = Evidence {
        grade: Grade::Possible,
        presence: Presence::Remnant,
        ..evidence(ArtifactKind::File, Attribute::known("file.name"), "nano.txt", "/usr/share/nano.txt")
    };
    let words = Finding { grade: Grade::Possible, presence: Presence::Remnant, ..finding("00000000000c", vec![words]) };
    let hostile = Evidence {
        presence: Presence::Embedded,
        grade: Grade::Probable,
        sha256: Some("cd".repeat(32)),
        ..evidence(
            ArtifactKind::File,
            Attribute::known("file.name"),
            "[nano](http://x) {0}",
            "/opt/a [b](http://c) {0}%25é.jar!in%21side/nano",
        )
    };
    let engine =
        Finding { presence: Presence::Embedded, grade: Grade::Probable, ..finding("00000000000d", vec![hostile]) };
    vec![editor, library, words, engine]
}

fn gap(locator: &str) -> Gap {
    Gap {
        locator: Locator(locator.to_owned()),
        reason: GapReason::PermissionDenied,
        hides: Presences::FILES,
        collector: "files".to_owned(),
        detail: "permission denied".to_owned(),
    }
}

fn subject(findings: Vec<Finding>, gaps: Vec<Gap>) -> Subject {
    Subject {
        look: look("machine:7", "pc7"),
        ending: Some(Ending { files: 9, folders: 3, artifacts: 12, ..Ending::default() }),
        findings,
        gaps,
        excluded: vec![Excluded { locator: Locator("/proc".to_owned()), reason: Exclusion::VirtualFileSystem }],
        statements: Vec::new(),
    }
}

fn answer(order: &Order, subjects: &[Subject]) -> Identification {
    let policy = Policy::parse("policy.toml", POLICY).unwrap();
    identify(order, subjects, &policy, date(2026, 11, 2))
}

fn whole(order: &Order) -> Identification {
    answer(order, &[subject(findings(), vec![gap("/srv/secret"), gap("/srv/keys")])])
}

macro_rules! snapshot {
    ($name:literal, $value:expr) => {
        insta::with_settings!({ filters => vec![
            (concat!(r#"ersion": ""#, env!("CARGO_PKG_VERSION"), r#"""#), r#"ersion": "[version]""#),
        ]}, {
            insta::assert_json_snapshot!($name, $value);
        });
    };
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_of_everything() {
    let order = order();
    let answers = [(&order, whole(&order))];
    snapshot!("cyclonedx", cyclonedx(&answers, &dossiers(), STARTED, FINISHED));
    snapshot!("sarif", sarif(&answers, None, STARTED, FINISHED));
    snapshot!("ocsf", events(&ocsf(&answers, &dossiers(), STARTED, FINISHED)));
}

fn aggregates(bill: &Value) -> Vec<(String, usize)> {
    let list = bill["compositions"].as_array().unwrap().iter();
    list.map(|it| (it["aggregate"].as_str().unwrap().to_owned(), it["assemblies"].as_array().unwrap().len())).collect()
}

#[test]
fn a_bill_is_complete_only_where_no_gap_is_open() {
    let order = order();
    let bill = |gaps: Vec<Gap>| {
        let mut second = subject(Vec::new(), Vec::new());
        second.look = look("machine:8", "pc8");
        let answer = answer(&order, &[subject(findings(), gaps), second]);
        cyclonedx(&[(&order, answer)], &dossiers(), STARTED, FINISHED)
    };
    let two = |one: &str, many: usize| (one.to_owned(), many);
    assert_eq!(aggregates(&bill(vec![gap("/srv/keys")])), [two("complete", 2)]);
    let open = bill(vec![gap("/srv/secret")]);
    assert_eq!(aggregates(&open), [two("complete", 1), two("incomplete", 1)]);
    // Every name is there once, and what is referred to is there.
    let mut names = Vec::new();
    collect(&open, "bom-ref", &mut names);
    let different: BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    let mut references = Vec::new();
    ["ref", "dependsOn", "assemblies", "subjects"].iter().for_each(|key| collect(&open, key, &mut references));
    assert!(references.iter().all(|name| names.contains(name)), "{references:?}");
}

/// The texts below a key, at any depth.
fn collect(value: &Value, key: &str, into: &mut Vec<String>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        if name == key {
            into.extend(inner.as_str().map(str::to_owned));
            into.extend(inner.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
        collect(inner, key, into);
    }
    value.as_array().into_iter().flatten().for_each(|inner| collect(inner, key, into));
}

#[test]
fn two_orders_make_one_bill() {
    let (one, mut other) = (order(), order());
    other.id = "nano-ban-2".to_owned();
    let answers = [(&one, whole(&one)), (&other, whole(&other))];
    let bill = cyclonedx(&answers, &dossiers(), STARTED, FINISHED);
    assert_eq!(bill["components"].as_array().unwrap().len(), 4);
    let properties = bill["components"][0]["properties"].as_array().unwrap();
    for name in ["ostrakon:in_scope:nano-ban", "ostrakon:in_scope:nano-ban-2"] {
        assert!(properties.iter().any(|it| it["name"] == name && it["value"] == "true"), "{name}: {properties:#?}");
    }
    let events = events(&ocsf(&answers, &dossiers(), STARTED, FINISHED));
    let of_class = |uid: u64| events.iter().filter(|event| event["class_uid"] == uid).count();
    assert_eq!((of_class(5020), of_class(2003)), (4, 10));
}

fn states(log: &Value) -> BTreeMap<String, String> {
    let results = log["runs"][0]["results"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let state = |it: &Value| {
        let state = format!("{} {} {}", word(&it["baselineState"]), word(&it["kind"]), word(&it["level"]));
        (word(&it["partialFingerprints"]["ostrakonFinding/v1"]), state)
    };
    results.map(state).collect()
}

#[test]
fn against_an_earlier_answer_each_result_says_how_it_stands() {
    let order = order();
    let mut before = findings();
    before.remove(1);
    before[1].evidence[0].value = "nano.text".to_owned();
    before.push(finding("00000000000e", before[0].evidence.clone()));
    let earlier = [(&order, answer(&order, &[subject(before, Vec::new())]))];
    let baseline = Baseline::of(&earlier, "2026-11-01T08:00:00Z", "2026-11-01T08:00:01Z").unwrap();
    let now = |gaps: Vec<Gap>| {
        let answers = [(&order, answer(&order, &[subject(findings(), gaps)]))];
        sarif(&answers, Some(&baseline), STARTED, FINISHED)
    };
    let log = now(Vec::new());
    let expected = [
        ("00000000000a", "unchanged fail error"),
        ("00000000000b", "new fail note"),
        ("00000000000c", "updated fail warning"),
        ("00000000000d", "unchanged fail error"),
        ("00000000000e", "absent fail error"),
    ];
    let expected = expected.map(|(id, state)| (id.to_owned(), state.to_owned()));
    assert_eq!(states(&log), BTreeMap::from(expected));
    assert!(log["runs"][0]["baselineGuid"].is_string());
    // Where a gap is open nobody can say that it is gone.
    let open = states(&now(vec![gap("/srv/secret")]));
    assert_eq!(open["00000000000e"], "unchanged open none");
}

#[test]
fn a_baseline_is_read_from_the_json_format() {
    let order = order();
    let written = ostrakon_report::formats::json(&order, &whole(&order), STARTED, FINISHED);
    for text in [written.to_string(), json!([written]).to_string()] {
        let baseline = Baseline::read("before.json", &text).unwrap();
        assert!(baseline.answers("nano-ban") && !baseline.answers("bod-17-01"));
        let log = sarif(&[(&order, whole(&order))], Some(&baseline), STARTED, FINISHED);
        assert!(states(&log).values().all(|state| state.starts_with("unchanged")), "{log:#}");
        assert_eq!(log["runs"][0]["baselineGuid"], log["runs"][0]["automationDetails"]["guid"]);
    }
    for text in
        ["", "{}", r#"{"schema": "other/1"}"#, &written.to_string().replace("identification/1", "identification/9")]
    {
        let error = Baseline::read("before.json", text).unwrap_err().to_string();
        assert!(error.contains("before.json"), "{error}");
    }
}

#[test]
fn names_on_machines_become_neither_links_nor_other_places() {
    let order = order();
    let log = sarif(&[(&order, whole(&order))], None, STARTED, FINISHED);
    let location = &log["runs"][0]["results"][3]["locations"][0];
    let place = &location["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "opt/a%20%5Bb%5D%28http%3A//c%29%20%7B0%7D%25%C3%A9.jar");
    assert_eq!(
        location["logicalLocations"][0]["fullyQualifiedName"],
        "/opt/a [b](http://c) {0}%25é.jar!in%21side/nano"
    );
    let text = location["message"]["text"].as_str().unwrap();
    assert!(text.contains(r"\[nano\](http://x) {{0}}"), "{text}");
}

#[test]
fn an_asset_without_a_finding_still_has_an_event() {
    let order = order();
    let verdict = |gaps: Vec<Gap>| {
        let answers = [(&order, answer(&order, &[subject(Vec::new(), gaps)]))];
        let events = events(&ocsf(&answers, &dossiers(), STARTED, FINISHED));
        assert_eq!(events.len(), 1);
        events[0]["compliance"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(Vec::new()), "Pass");
    assert_eq!(verdict(vec![gap("/srv/keys")]), "Pass");
    assert_eq!(verdict(vec![gap("/srv/secret")]), "Incomplete");
}
