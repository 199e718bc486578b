//! Dependencies that Gradle builds ask for: lock files, the metadata of dependency verification, version catalogues, and
//! what build scripts say literally. Formats: <https://docs.gradle.org/current/userguide/dependency_locking.html>,
//! <https://docs.gradle.org/current/userguide/dependency_verification.html>,
//! <https://docs.gradle.org/current/userguide/version_catalogs.html>.
//!
//! A build script is a program. Only texts `"group:artifact:version"` in it are read: not versions that variables hold,
//! not coordinates in several named parts, not those without a version, not what plugins and other scripts add.

use super::maven_pom::{elements, exact};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use crate::toml_text;
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;
use toml::Value;

pub(crate) struct Gradle;

const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "gradle",
    what: "Maven artifacts that Gradle builds ask for: lock files, verification metadata, version catalogues, and whole \
           coordinates in build scripts.",
    cannot_see: "What build scripts put together when they run: coordinates in parts or without a version, variables, plugins.",
    attributes: &[
        Attribute::known("maven.group"),
        Attribute::known("maven.artifact"),
        Attribute::known("maven.coordinate"),
        Attribute::known("maven.version"),
        Attribute::known("purl"),
    ],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// `group:artifact` and version.
type Found = BTreeSet<(String, String)>;

impl Collector for Gradle {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Ending(".lockfile"),
            Interest::Name("verification-metadata.xml"),
            Interest::Ending(".toml"),
            Interest::Ending(".gradle"),
            Interest::Ending(".kts"),
        ]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let name = seen.name();
        let read: fn(&str, &mut Found) -> Outcome = if name.ends_with(b".gradle") || name.ends_with(b".gradle.kts") {
            script
        } else if name.ends_with(b".versions.toml") {
            catalogue
        } else if name.ends_with(b"gradle.lockfile") || seen.folder().ends_with(b"/dependency-locks/") {
            lock
        } else if name == b"verification-metadata.xml" {
            verification
        } else {
            return Ok(Examined::NotMine);
        };
        let text = seen.text(LIMIT)?;
        let mut found = Found::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            out.add(declared(seen.locator(), Ecosystem::Maven, &name, &version));
        }
        outcome
    }
}

/// Lines `GROUP:ARTIFACT:VERSION=CONFIGURATIONS`; files of before Gradle 7 have no `=`. `empty=` lists what asks for nothing.
fn lock(text: &str, found: &mut Found) -> Outcome {
    let mut problem = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let coordinate = line.split('=').next().unwrap_or(line);
        if line.is_empty() || line.starts_with('#') || coordinate == "empty" {
            continue;
        }
        match coordinate.split(':').collect::<Vec<_>>().as_slice() {
            [group, id, version] if is_name(group) && is_name(id) && !version.is_empty() => {
                found.insert((format!("{group}:{id}"), (*version).to_owned()));
            }
            _ => problem = problem.or(Some(format!("line {}: no coordinate", at + 1))),
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// Every component that the metadata vouches for.
fn verification(text: &str, found: &mut Found) -> Outcome {
    let mut problem = None;
    let outcome = elements(text, "verification-metadata", |element| {
        if element.name != "component" {
            return;
        }
        match ["group", "name", "version"].map(|key| element.attribute(key)) {
            [Some(group), Some(name), Some(version)] => {
                found.insert((format!("{group}:{name}"), version.to_owned()));
            }
            _ => {
                problem.get_or_insert("a component has no group, name or version");
            }
        }
    });
    match (outcome, problem) {
        (Ok(_), Some(problem)) => Err(Fault::corrupt(problem)),
        (outcome, _) => outcome,
    }
}

/// Libraries and plugins of a version catalogue, with the versions they refer to. The artifact of a plugin is named after it.
fn catalogue(text: &str, found: &mut Found) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let table: toml::Table = toml_text::parse(text)?;
    let part = |name: &str| table.get(name).and_then(Value::as_table);
    if ["versions", "libraries", "plugins", "bundles"].into_iter().all(|name| part(name).is_none()) {
        return Ok(Examined::NotMine);
    }
    let version_of = |value: Option<&Value>| {
        let reference = value.and_then(|value| value.get("ref")).and_then(Value::as_str);
        let value = match reference {
            Some(name) => part("versions").and_then(|versions| versions.get(name)),
            None => value,
        };
        exact(value.map_or("", rich)).to_owned()
    };
    let mut problem = None;
    for (alias, library) in part("libraries").into_iter().flatten() {
        let text = |key: &str| library.get(key).and_then(Value::as_str);
        let known = match (library.as_str(), text("module"), text("group"), text("name")) {
            (Some(whole), ..) => coordinate(whole),
            (_, Some(module), ..) if module.contains(':') => {
                Some((module.to_owned(), version_of(library.get("version"))))
            }
            (_, _, Some(group), Some(name)) => Some((format!("{group}:{name}"), version_of(library.get("version")))),
            _ => None,
        };
        match known {
            Some(known) => {
                found.insert(known);
            }
            None => problem = problem.or(Some(format!("library {alias} has no coordinate"))),
        }
    }
    for (alias, plugin) in part("plugins").into_iter().flatten() {
        let known = match (plugin.as_str(), plugin.get("id").and_then(Value::as_str)) {
            (Some(whole), _) => whole.split_once(':').map(|(id, version)| (id, exact(version).to_owned())),
            (None, Some(id)) => Some((id, version_of(plugin.get("version")))),
            (None, None) => None,
        };
        match known {
            Some((id, version)) => {
                found.insert((format!("{id}:{id}.gradle.plugin"), version));
            }
            None => problem = problem.or(Some(format!("plugin {alias} has no id and version"))),
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// A version as text, or the first of the conditions of one that names a single version.
fn rich(value: &Value) -> &str {
    let condition = || {
        let conditions = ["strictly", "require", "prefer"].into_iter();
        conditions.filter_map(|key| value.get(key)?.as_str()).map(exact).find(|version| !version.is_empty())
    };
    value.as_str().or_else(condition).unwrap_or_default()
}

/// Texts of a build script that are whole coordinates.
fn script(text: &str, found: &mut Found) -> Outcome {
    for line in text.lines().map(str::trim_start) {
        if ["//", "/*", "*"].iter().any(|mark| line.starts_with(mark)) {
            continue;
        }
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(['"', '\'']) {
            let quote = if rest.get(before.len()..).is_some_and(|rest| rest.starts_with('"')) { '"' } else { '\'' };
            let Some((inside, behind)) = after.split_once(quote) else { break };
            found.extend(coordinate(inside));
            rest = behind;
        }
    }
    Ok(Examined::Whole)
}

/// `GROUP:ARTIFACT:VERSION`, which may go on with `:CLASSIFIER` and `@ENDING`; the version is empty if a variable holds it.
fn coordinate(text: &str) -> Option<(String, String)> {
    let text = text.split('@').next().unwrap_or(text);
    let (group, rest) = text.split_once(':')?;
    let (id, rest) = rest.split_once(':')?;
    let version = if rest.contains('$') { "" } else { rest.split(':').next().unwrap_or(rest) };
    // Without a number it is the path of a task.
    let is_version = (rest.contains(|letter: char| letter.is_ascii_digit() || "$+".contains(letter))
        || version.starts_with("latest."))
        && !version.contains(|letter: char| letter.is_whitespace() || letter == '/');
    (is_name(group) && is_name(id) && is_version).then(|| (format!("{group}:{id}"), exact(version).to_owned()))
}

/// A group or an artifact: it has a letter, or a time of day would be a coordinate.
fn is_name(text: &str) -> bool {
    text.contains(|letter: char| letter.is_alphabetic())
        && text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(read: fn(&str, &mut Found) -> Outcome, text: &str) -> (Outcome, Vec<String>) {
        let mut found = Found::new();
        let outcome = read(text, &mut found);
        (outcome, found.into_iter().map(|(name, version)| format!("{name} {version}")).collect())
    }

    #[test]
    fn lock_files_are_read() {
        let (outcome, found) = names(lock, "# by Gradle\norg.slf4j:slf4j-api:1.7.36=compileClasspath\nempty=\n");
        assert_eq!((outcome, found), (Ok(Examined::Whole), vec!["org.slf4j:slf4j-api 1.7.36".to_owned()]));
        assert!(names(lock, "org.slf4j:slf4j\n").0.is_err());
    }

    #[test]
    fn catalogues_resolve_their_versions() {
        let (outcome, found) = names(
            catalogue,
            "[versions]\nk = { strictly = \"1.5.3\" }\n[libraries]\na = \"g:a:1\"\nb = { module = \"g:b\", version.ref = \"k\" }\n\
             c = { group = \"g\", name = \"c\" }\n[plugins]\np = { id = \"org.p\", version = \"2.0\" }\n",
        );
        assert_eq!(outcome, Ok(Examined::Whole));
        assert_eq!(found, ["g:a 1", "g:b 1.5.3", "g:c ", "org.p:org.p.gradle.plugin 2.0"]);
        assert!(names(catalogue, "[libraries]\na = { name = \"x\" }\n").0.is_err());
        assert_eq!(names(catalogue, "[tool]\n").0, Ok(Examined::NotMine));
    }

    #[test]
    fn whole_coordinates_of_scripts_are_read() {
        let (_, found) = names(
            script,
            "// implementation \"g:not:1\"\nimplementation 'org.a:b:1.0@aar'\napi(\"org.a:c:$version\")\nval t = \"12:30:45\"\nrun(\"app:lib:build\")\n",
        );
        assert_eq!(found, ["org.a:b 1.0", "org.a:c "]);
    }

    #[test]
    fn verified_components_are_read() {
        let text = "<verification-metadata><components><component group=\"g\" name=\"a\" version=\"1\"/></components>\
                    </verification-metadata>";
        assert_eq!(names(verification, text), (Ok(Examined::Whole), vec!["g:a 1".to_owned()]));
        assert!(names(verification, "<verification-metadata><components><component group=\"g\"").0.is_err());
    }
}
