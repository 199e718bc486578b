//! Why an artifact is recognised or not: every test on its attributes, with what came of it; and whether the lookalikes of
//! a dossier stay what they are.

use crate::evidence::Hits;
use crate::finding::{Finding, gather};
use crate::matcher::Single;
use crate::recogniser::Recogniser;
use ostrakon_model::{Artifact, Attribute, Grade};
use ostrakon_order::diagnostic::{Code, Diagnostic};
use ostrakon_order::dossier::AtMost;
use serde::Serialize;

/// What became of one artifact.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The findings it alone would make.
    pub findings: Vec<Finding>,
    /// Indicators that match.
    pub matches: Vec<Tested>,
    /// Indicators on the same attributes that do not, nearest first.
    pub misses: Vec<Tested>,
    /// Attributes no indicator asks about.
    pub unasked: Vec<Attribute>,
}

/// One indicator on one value.
#[derive(Debug, Serialize)]
pub struct Tested {
    /// The indicator.
    pub indicator: String,
    /// The attribute.
    pub attribute: Attribute,
    /// The value.
    pub value: String,
    /// What the indicator asks for.
    pub asks: String,
    /// What a match is worth.
    pub grade: Grade,
    /// Why it does not match, or what a match means.
    pub why: String,
}

/// Tries every indicator on `artifact`.
pub fn explain(recogniser: &Recogniser, artifact: &Artifact) -> Explanation {
    let mut explanation =
        Explanation { findings: Vec::new(), matches: Vec::new(), misses: Vec::new(), unasked: Vec::new() };
    let tested = recogniser.attributes();
    for dossier in recogniser.dossiers() {
        for indicator in &dossier.indicators {
            for (attribute, value) in artifact.attributes.iter().filter(|(name, _)| indicator.on.contains(name)) {
                let fits = Single::of(*attribute, &indicator.test).fits(value);
                let failed = indicator.and.iter().find(|condition| {
                    !condition
                        .on
                        .iter()
                        .any(|on| artifact.values(*on).any(|value| Single::of(*on, &condition.test).fits(value)))
                });
                let why = match (fits, failed) {
                    (false, _) => "the value does not fit".to_owned(),
                    (true, Some(condition)) => {
                        let on: Vec<_> = condition.on.iter().map(|on| on.name()).collect();
                        format!(
                            "it asks besides that {} {} {}",
                            on.join(" or "),
                            condition.test.word(),
                            condition.test.says()
                        )
                    }
                    (true, None) if indicator.supporting => "adds to a finding, makes none".to_owned(),
                    (true, None) => match indicator.grade {
                        Grade::Confirmed => "enough by itself".to_owned(),
                        Grade::Probable => "asks for a second mark of another type, unless it is a remnant".to_owned(),
                        Grade::Possible => "a person must rule on it".to_owned(),
                    },
                };
                let row = Tested {
                    indicator: indicator.name.clone(),
                    attribute: *attribute,
                    value: value.clone(),
                    asks: format!("{} {}", indicator.test.word(), indicator.test.says()),
                    grade: indicator.grade,
                    why,
                };
                if fits && failed.is_none() { explanation.matches.push(row) } else { explanation.misses.push(row) }
            }
        }
    }
    let near = |row: &Tested| {
        let (asks, value) = (row.asks.to_ascii_lowercase(), row.value.to_ascii_lowercase());
        let start: String = value.chars().take(3).collect();
        (row.why.starts_with("the value"), !asks.contains(&value), !asks.contains(&start))
    };
    explanation
        .misses
        .sort_by(|one, other| near(one).cmp(&near(other)).then_with(|| one.indicator.cmp(&other.indicator)));
    let names = artifact.attributes.iter().map(|(name, _)| *name);
    explanation.unasked = names.filter(|name| !tested.contains(name)).collect();
    explanation.findings = found(recogniser, artifact);
    explanation
}

/// The findings that one artifact alone makes.
fn found(recogniser: &Recogniser, artifact: &Artifact) -> Vec<Finding> {
    let mut hits = Hits::default();
    recogniser.artifact(artifact, &mut hits);
    gather(recogniser, "explained", &[], hits)
}

/// Runs the lookalikes of every dossier: what each is taken for beyond what it may be.
pub fn check_lookalikes(recogniser: &Recogniser) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for dossier in recogniser.dossiers() {
        for lookalike in &dossier.lookalikes {
            // Other dossiers may know the thing well: a lookalike is one of its own vendor only.
            let taken = found(recogniser, &lookalike.artifact);
            let wrong = taken
                .iter()
                .filter(|finding| finding.vendor == dossier.id)
                .find(|finding| lookalike.at_most == AtMost::None || finding.grade > Grade::Possible);
            if let Some(finding) = wrong {
                let (file, text, span) = lookalike.place.clone();
                let by = finding.evidence.first().map_or("", |evidence| evidence.indicator.as_str());
                faults.push(Diagnostic {
                    code: Code::Lookalike,
                    message: format!("`{}` is taken for {} ({}) by {by}", lookalike.what, finding.title, finding.grade),
                    help: format!(
                        "narrow the indicator, or ask for a second attribute with `and`: {}",
                        lookalike.reason
                    ),
                    file,
                    text,
                    span,
                });
            }
        }
    }
    faults
}
