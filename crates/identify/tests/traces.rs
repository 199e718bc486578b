//! What traces of programs prove: that something was there once, and nothing that is there now.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_identify::explain::explain;
use ostrakon_identify::{Finding, Recogniser};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Grade, Locator, Presence};
use ostrakon_order::Dossier;

const DOSSIER: &str = r#"
schema = "ostrakon/dossier/1"
id = "invented"
title = "Invented"
summary = "A made-up vendor."
[[entity]]
id = "one"
name = "One"
[[product]]
id = "suite"
title = "Suite"
kind = "security"
entity = "one"
[[product]]
id = "engine"
title = "Engine"
kind = "security"
entity = "one"
[[indicator]]
product = "suite"
id = "folder"
on = "file.path"
under = '%ProgramFiles%\Invented'
grade = "confirmed"
presence = "installed"
source = ["S"]
[[indicator]]
product = "suite"
id = "program"
on = "file.name"
is = "suite.exe"
grade = "probable"
source = ["S"]
[[indicator]]
product = "engine"
id = "part"
on = "file.name"
is = "engine.dll"
grade = "confirmed"
presence = "embedded"
source = ["S"]
[[source]]
id = "S"
url = "https://example.org"
"#;

/// What a trace of this path alone makes.
fn found(path: &str) -> Vec<Finding> {
    let files = [("dossier.toml".to_owned(), DOSSIER.to_owned())];
    let recogniser = Recogniser::of(vec![Dossier::parse("invented", &files).unwrap()]).unwrap();
    let locator = Locator("/Windows/System32/config/SYSTEM!key".to_owned());
    let artifact = Artifact::new(ArtifactKind::Trace, locator, "hives")
        .with(Attribute::known("file.path"), path)
        .with(Attribute::known("file.name"), path.rsplit('/').next().unwrap())
        .with(Attribute::known("trace.source"), "bam")
        .with(Attribute::known("trace.last_run"), "2024-01-01T00:00:00Z");
    explain(&recogniser, &artifact).findings
}

#[test]
fn a_trace_is_a_remnant_at_its_record_whatever_the_indicator_says() {
    let findings = found("/Program Files/Invented/bin/suite.exe");
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!((finding.presence, finding.grade), (Presence::Remnant, Grade::Confirmed));
    for evidence in &finding.evidence {
        assert_eq!((evidence.kind, evidence.presence), (ArtifactKind::Trace, Presence::Remnant));
        assert_eq!(evidence.locator.as_str(), "/Windows/System32/config/SYSTEM!key");
        assert_eq!(evidence.note, "bam, last run 2024-01-01T00:00:00Z");
    }
}

#[test]
fn a_name_that_ran_anywhere_is_a_question() {
    let findings = found("/Users/ada/suite.exe");
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!((finding.presence, finding.grade), (Presence::Remnant, Grade::Possible));
}

#[test]
fn what_ran_inside_another_makers_product_is_no_finding() {
    assert!(found("/Program Files/Other/engine.dll").is_empty());
}

#[test]
fn a_path_in_a_trace_makes_no_root() {
    let findings = found("/backup/Program Files/Invented/suite.exe");
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(finding.root, "");
}
