//! Which package a finding is, out of its evidence: maker, version, package URL, CPE name, digests. For the formats that
//! name packages, and what those formats have in common.

use ostrakon_identify::{Answer, Evidence, Finding, Identification};
use ostrakon_order::Dossier;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use uuid::Uuid;

/// The version of the strongest evidence that has one.
pub(crate) fn version(finding: &Finding) -> Option<&str> {
    finding.evidence.iter().find_map(|evidence| filled(&evidence.version))
}

/// The package URL of the strongest evidence that has one.
pub(crate) fn purl(finding: &Finding) -> Option<String> {
    finding.evidence.iter().find_map(purl_of)
}

/// The package URL of one piece of evidence: as it was seen, or made of the name in an ecosystem whose names are global.
pub(crate) fn purl_of(evidence: &Evidence) -> Option<String> {
    let value = evidence.value.as_str();
    let name = match evidence.attribute.name() {
        "purl" => value.strip_prefix("pkg:").map(str::to_owned),
        "npm.name" => Some(format!("npm/{}", percent(value.as_bytes(), "/"))),
        "pypi.name" => Some(format!("pypi/{}", percent(value.as_bytes(), ""))),
        "maven.coordinate" => {
            let (group, artifact) = value.split_once(':')?;
            Some(format!("maven/{}/{}", percent(group.as_bytes(), ""), percent(artifact.as_bytes(), "")))
        }
        _ => None,
    }?;
    let has_version = name.rsplit('/').next().is_some_and(|last| last.contains('@'));
    Some(match filled(&evidence.version) {
        Some(version) if !has_version => format!("pkg:{name}@{}", percent(version.as_bytes(), ":")),
        _ => format!("pkg:{name}"),
    })
}

/// The CPE name of the strongest evidence that has one.
pub(crate) fn cpe(finding: &Finding) -> Option<&str> {
    let names = finding.evidence.iter().filter(|evidence| evidence.attribute.name() == "cpe");
    names.map(|evidence| evidence.value.as_str()).find(|value| value.starts_with("cpe:"))
}

/// The files of a finding whose digest is known: SHA-256 by locator. What lies inside a file has the file's digest.
pub(crate) fn digests(finding: &Finding) -> BTreeMap<&str, &str> {
    let known = finding.evidence.iter().filter_map(|evidence| {
        let digest = evidence.sha256.as_deref().filter(|digest| is_sha256(digest))?;
        Some((file_of(evidence.locator.as_str()), digest))
    });
    known.collect()
}

/// Is it a SHA-256 in hex?
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The file a locator leads into: all before the first `!`.
pub(crate) fn file_of(locator: &str) -> &str {
    locator.split_once('!').map_or(locator, |(file, _)| file)
}

/// The legal person behind a finding, and the vendor's title; the dossier's id stands for both where it is not at hand.
pub(crate) fn maker<'a>(finding: &'a Finding, dossiers: &'a [Dossier]) -> (&'a str, &'a str) {
    match dossiers.iter().find(|dossier| dossier.id == finding.vendor) {
        Some(dossier) => (dossier.entity_name(&finding.entity), &dossier.title),
        None => (&finding.vendor, &finding.vendor),
    }
}

/// A UUID that stays the same for the same names.
pub(crate) fn uuid_of(names: &[&str]) -> String {
    let name = format!("urn:ostrakon:{}", names.join("\u{1f}"));
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
}

/// What an identification comes to, as a word.
pub(crate) fn word(answer: &Identification) -> &'static str {
    match answer.answer() {
        Answer::NothingFound => "nothing-found",
        Answer::Found => "found",
        Answer::Incomplete => "incomplete",
    }
}

/// Is every place of the asset read that could hide what the order asks for?
pub(crate) fn is_whole(answer: &Identification, asset: &str) -> bool {
    let looked_at = answer.assets.iter().any(|(known, _)| known.id == asset);
    looked_at && !answer.coverage.gaps.iter().any(|gap| gap.asset == asset && gap.is_open())
}

/// The text, unless it is empty.
pub(crate) fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Bytes as a part of a URI: all but letters, digits, `-`, `.`, `_`, `~` and what `keep` holds is escaped.
pub(crate) fn percent(bytes: &[u8], keep: &str) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || keep.as_bytes().contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The value without the members that are null: what a format calls optional is left out.
pub(crate) fn lean(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, lean(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(lean).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostrakon_model::{ArtifactKind, Attribute, Grade, Locator, Presence};

    fn evidence(attribute: Attribute, value: &str, version: &str) -> Evidence {
        Evidence {
            kind: ArtifactKind::Library,
            attribute,
            value: value.to_owned(),
            indicator: "vendor/product#id".to_owned(),
            locator: Locator("/a".to_owned()),
            sha256: None,
            grade: Grade::Confirmed,
            supporting: false,
            presence: Presence::Installed,
            version: version.to_owned(),
            purl: String::new(),
            note: String::new(),
        }
    }

    #[test]
    fn package_urls_are_made_where_names_are_global() {
        let purl = |attribute, value: &str| purl_of(&evidence(attribute, value, "1.0+b")).unwrap_or_default();
        let npm = Attribute::known("npm.name");
        assert_eq!(purl(npm, "@kaspersky/hexa-ui"), "pkg:npm/%40kaspersky/hexa-ui@1.0%2Bb");
        let maven = Attribute::known("maven.coordinate");
        assert_eq!(purl(maven, "com.example:kit"), "pkg:maven/com.example/kit@1.0%2Bb");
        let seen = Attribute::known("purl");
        assert_eq!(purl(seen, "pkg:npm/%40kaspersky/hexa-ui@2.0"), "pkg:npm/%40kaspersky/hexa-ui@2.0");
        assert_eq!(purl(seen, "pkg:pypi/kit"), "pkg:pypi/kit@1.0%2Bb");
        assert_eq!(purl(seen, "kit"), "");
        assert_eq!(purl(Attribute::known("deb.name"), "kesl"), "");
    }

    #[test]
    fn bytes_become_a_part_of_a_uri() {
        assert_eq!(percent("a b/é%:".as_bytes(), "/"), "a%20b/%C3%A9%25%3A");
    }
}
