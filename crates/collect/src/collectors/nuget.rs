//! NuGet packages: those asked for in lock files, project files and `packages.config`, and those that lie in a package
//! folder or that a built program says it brings along. <https://learn.microsoft.com/nuget/>

use super::maven_pom::{elements, exact};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::json;
use crate::library::{Ecosystem, declared, library};
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Nuget;

const LIMIT: u64 = 128 << 20;

static META: Meta = Meta {
    id: "nuget",
    what: "NuGet packages asked for in packages.lock.json, packages.config, project files and project.assets.json; installed \
           ones by their .nuspec in package folders and by the .deps.json of programs.",
    cannot_see: "Versions that properties of a build hold; packages compiled into one file; package folders of before 2015.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl")],
    hides: Presences::of(&[Presence::Declared, Presence::Installed]),
    live: false,
};

/// Name and version.
type Found = BTreeSet<(String, String)>;

impl Collector for Nuget {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Ending(".json"),
            Interest::Ending(".config"),
            Interest::Ending(".csproj"),
            Interest::Ending(".fsproj"),
            Interest::Ending(".vbproj"),
            Interest::Ending(".props"),
            Interest::Ending(".nuspec"),
        ]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        let lower = path.to_ascii_lowercase();
        let lists = [&b".deps.json"[..], b"/packages.lock.json", b"/project.assets.json"];
        !lower.ends_with(b".json") || lists.iter().any(|list| lower.ends_with(list))
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let name = String::from_utf8_lossy(seen.name()).to_ascii_lowercase();
        let read: fn(&str, &mut Found) -> Outcome = match name.as_str() {
            "packages.lock.json" => lock,
            "project.assets.json" => libraries,
            "directory.packages.props" | "directory.build.props" => project,
            // One folder can hold several projects, each with a list of its own.
            other if other.starts_with("packages.") && other.ends_with(".config") => config,
            other if other.ends_with(".deps.json") => libraries,
            other if [".csproj", ".fsproj", ".vbproj"].iter().any(|ending| other.ends_with(ending)) => project,
            other if other.ends_with(".nuspec") && in_package_folder(seen.path) => specification,
            _ => return Ok(Examined::NotMine),
        };
        let is_installed = name.ends_with(".deps.json") || name.ends_with(".nuspec");
        let text = seen.text(LIMIT)?;
        let mut found = Found::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            let of = if is_installed { library } else { declared };
            out.add(of(seen.locator(), Ecosystem::Nuget, &name, &version));
        }
        outcome
    }
}

/// `ID/VERSION/ID.nuspec`: anywhere else it is what a package is made from.
fn in_package_folder(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let mut parts = path.rsplit('/');
    let (file, above) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    file.len()
        .checked_sub(".nuspec".len())
        .and_then(|length| file.get(..length))
        .is_some_and(|id| !id.is_empty() && id.eq_ignore_ascii_case(above))
}

#[derive(Deserialize)]
struct Lock {
    version: Option<IgnoredAny>,
    /// Framework, then package.
    dependencies: Option<BTreeMap<String, BTreeMap<String, Locked>>>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(rename = "type")]
    kind: Option<String>,
    resolved: Option<String>,
}

fn lock(text: &str, found: &mut Found) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let lock: Lock = json::parse(text.as_bytes())?;
    let frameworks = match (lock.dependencies, lock.version) {
        (Some(frameworks), _) => frameworks,
        (None, Some(_)) => return Err(Fault::corrupt("it lists no dependencies")),
        (None, None) => return Ok(Examined::NotMine),
    };
    let mut problem = None;
    for (name, locked) in frameworks.into_values().flatten() {
        // Another project of the same build is no package.
        if locked.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("project")) {
            continue;
        }
        if locked.resolved.is_none() {
            problem = problem.or(Some(format!("{name} has no version")));
        }
        found.insert((name, locked.resolved.unwrap_or_default()));
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

#[derive(Deserialize)]
struct Assets {
    targets: Option<IgnoredAny>,
    libraries: Option<BTreeMap<String, AssetLibrary>>,
}

#[derive(Deserialize)]
struct AssetLibrary {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The libraries `NAME/VERSION` of type package: what a build resolved, and what a program brings along.
fn libraries(text: &str, found: &mut Found) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let assets: Assets = json::parse(text.as_bytes())?;
    let list = match (assets.libraries, assets.targets) {
        (Some(list), _) => list,
        (None, Some(_)) => return Err(Fault::corrupt("it lists no libraries")),
        (None, None) => return Ok(Examined::NotMine),
    };
    let mut problem = None;
    for (key, library) in list {
        match (library.kind.as_deref(), key.split_once('/')) {
            (Some("package"), Some((name, version))) => {
                found.insert((name.to_owned(), version.to_owned()));
            }
            (Some("package") | None, _) => problem = problem.or(Some(format!("{key} has no type or no version"))),
            (Some(_), _) => {}
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// `package` elements of a packages.config.
fn config(text: &str, found: &mut Found) -> Outcome {
    let mut problem = None;
    let outcome = elements(text, "packages", |element| {
        if element.name == "package" {
            match (element.attribute("id"), element.attribute("version")) {
                (Some(id), version) => {
                    found.insert((id.to_owned(), exact(version.unwrap_or_default()).to_owned()));
                }
                (None, _) => {
                    problem.get_or_insert("a package has no id");
                }
            }
        }
    });
    match (outcome, problem) {
        (Ok(_), Some(problem)) => Err(Fault::corrupt(problem)),
        (outcome, _) => outcome,
    }
}

/// References of a project file, and the versions that a file for many projects sets. Several names may stand in one.
fn project(text: &str, found: &mut Found) -> Outcome {
    const REFERENCES: [&str; 5] =
        ["PackageReference", "PackageVersion", "GlobalPackageReference", "PackageDownload", "DotNetCliToolReference"];
    elements(text, "Project", |element| {
        if !REFERENCES.contains(&element.name.as_str()) {
            return;
        }
        let version = ["VersionOverride", "Version"]
            .into_iter()
            .find_map(|key| element.attribute(key).or_else(|| element.child(key)))
            .unwrap_or_default();
        let names = element.attribute("Include").or_else(|| element.attribute("Update")).unwrap_or_default();
        // What the build puts together is not in the file.
        for name in names.split(';').map(str::trim).filter(|name| !name.is_empty() && !name.contains('(')) {
            found.insert((name.to_owned(), exact(version).to_owned()));
        }
    })
}

/// The id and version of a .nuspec.
fn specification(text: &str, found: &mut Found) -> Outcome {
    let mut known = false;
    let outcome = elements(text, "package", |element| {
        if element.name == "metadata"
            && let (Some(id), Some(version)) = (element.child("id"), element.child("version"))
        {
            known = true;
            found.insert((id.to_owned(), version.to_owned()));
        }
    });
    match outcome {
        Ok(Examined::Whole) if !known && !text.trim().is_empty() => Err(Fault::corrupt("it gives no id and version")),
        outcome => outcome,
    }
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
    fn lock_files_and_libraries_are_read() {
        let text = r#"{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0.0"},"own":{"type":"Project"}}}}"#;
        assert_eq!(names(lock, text), (Ok(Examined::Whole), vec!["A 1.0.0".to_owned()]));
        let text = r#"{"targets":{},"libraries":{"A/1.0.0":{"type":"package"},"Own/1.0.0":{"type":"project"}}}"#;
        assert_eq!(names(libraries, text), (Ok(Examined::Whole), vec!["A 1.0.0".to_owned()]));
        assert!(names(lock, r#"{"version":1"#).0.is_err());
    }

    #[test]
    fn references_of_projects_are_read() {
        let (outcome, found) = names(
            project,
            "<Project Sdk=\"x\"><ItemGroup><PackageReference Include=\"A\" Version=\"1.0.0\" /><PackageReference Include=\"B\">\
             <Version>2.0.0</Version></PackageReference><PackageReference Include=\"C\" Version=\"$(V)\"/></ItemGroup></Project>",
        );
        assert_eq!(
            (outcome, found),
            (Ok(Examined::Whole), vec!["A 1.0.0".to_owned(), "B 2.0.0".to_owned(), "C ".to_owned()])
        );
        assert!(names(config, "<packages><package version=\"1\"/></packages>").0.is_err());
    }

    #[test]
    fn only_package_folders_hold_installed_packages() {
        assert!(in_package_folder(b"/home/ada/.nuget/packages/newtonsoft.json/13.0.1/newtonsoft.json.nuspec"));
        assert!(!in_package_folder(b"/src/tool/tool.nuspec"));
        let text = "<package><metadata><id>A</id><version>1.0</version></metadata></package>";
        assert_eq!(names(specification, text), (Ok(Examined::Whole), vec!["A 1.0".to_owned()]));
        assert!(names(specification, "<package><metadata/></package>").0.is_err());
    }
}
