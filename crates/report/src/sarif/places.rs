//! Where evidence lies, as SARIF says it: a URI below the asset's root, and the whole locator as a logical location.

use super::plain;
use crate::baseline::Mark;
use crate::identity::{file_of, is_sha256, percent};
use ostrakon_identify::Identification;
use ostrakon_model::{Asset, Look, locator};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The name of an asset's root where there is one asset; with several, each has a number in it.
const ROOT: &str = "SRCROOT";

/// The assets of a run, and the files of it whose digest is known.
pub(super) struct Places<'a> {
    assets: &'a [(Asset, Look)],
    artifacts: Vec<Value>,
    /// Where an artifact is in the list, by base and URI.
    known: BTreeMap<(String, String), usize>,
}

impl<'a> Places<'a> {
    pub(super) fn of(answer: &'a Identification) -> Self {
        Self { assets: &answer.assets, artifacts: Vec::new(), known: BTreeMap::new() }
    }

    /// The name of an asset; one that was not looked at now has its id.
    pub(super) fn name<'b>(&'b self, asset: &'b str) -> &'b str {
        let found = self.assets.iter().find(|(known, _)| known.id == asset);
        found.map_or(asset, |(known, _)| known.name.as_str())
    }

    fn base(&self, asset: &str) -> Option<String> {
        let at = self.assets.iter().position(|(known, _)| known.id == asset)?;
        Some(self.base_at(at))
    }

    fn base_at(&self, at: usize) -> String {
        if self.assets.len() == 1 { format!("%{ROOT}%") } else { format!("%{ROOT}:{}%", at.saturating_add(1)) }
    }

    /// What the names of roots stand for. No URI: the root may be that of another machine, or mounted elsewhere by now.
    pub(super) fn bases(&self) -> Value {
        let base = |(at, (asset, look)): (usize, &(Asset, Look))| {
            let text = format!("The root of {} ({}), looked at as {}.", asset.name, asset.id, look.place);
            (self.base_at(at), json!({"description": {"text": plain(&text)}}))
        };
        Value::Object(self.assets.iter().enumerate().map(base).collect())
    }

    /// The files whose digest is known.
    pub(super) fn artifacts(&self) -> &[Value] {
        &self.artifacts
    }

    /// The location of a piece of evidence.
    pub(super) fn of_mark(&mut self, asset: &str, mark: &Mark) -> Value {
        let mut location = self.of_locator(asset, &mark.locator);
        if let Some(digest) = mark.sha256.as_deref().filter(|digest| is_sha256(digest))
            && location["physicalLocation"].is_object()
        {
            let index = self.artifact(&location["physicalLocation"]["artifactLocation"], digest);
            location["physicalLocation"]["artifactLocation"]["index"] = index.into();
        }
        let text = format!("{}: {} is {}.", mark.indicator, mark.attribute, mark.value);
        location["message"] = json!({"text": plain(&text)});
        location["properties"] = json!({
            "indicator": mark.indicator,
            "attribute": mark.attribute,
            "value": mark.value,
            "version": crate::identity::filled(&mark.version),
            "note": crate::identity::filled(&mark.note),
            "sha256": mark.sha256,
            "presence": mark.presence,
            "grade": mark.grade,
        });
        location
    }

    /// The location of a locator: the file by its URI, where it is one, and all of it as a logical location.
    pub(super) fn of_locator(&self, asset: &str, locator: &str) -> Value {
        let mut location = json!({"logicalLocations": [{"fullyQualifiedName": locator}]});
        if let Some(path) = file_of(locator).strip_prefix('/') {
            let place = json!({"uri": uri(path), "uriBaseId": self.base(asset)});
            location["physicalLocation"] = json!({ "artifactLocation": place });
        }
        location
    }

    fn artifact(&mut self, place: &Value, digest: &str) -> usize {
        let text = |key: &str| place[key].as_str().unwrap_or_default().to_owned();
        let next = self.artifacts.len();
        let index = *self.known.entry((text("uriBaseId"), text("uri"))).or_insert(next);
        if index == next {
            self.artifacts.push(json!({"location": place, "hashes": {"sha-256": digest}}));
        }
        index
    }
}

/// A path below a root as a relative URI; the root itself is `./`.
fn uri(path: &str) -> String {
    let path = path.trim_start_matches('/');
    if path.is_empty() { "./".to_owned() } else { percent(&locator::decode(path), "/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_relative_uri_of_its_own_bytes() {
        assert_eq!(uri("opt/a b/%FF%21é"), "opt/a%20b/%FF%21%C3%A9");
        assert_eq!(uri(""), "./");
        assert_eq!(uri("C:/x"), "C%3A/x");
    }
}
