//! Libraries of language ecosystems, all in one shape: name and version as the ecosystem has them, and a package URL.

use ostrakon_model::{Artifact, ArtifactKind, Attribute, Locator, Presence};
use packageurl::PackageUrl;

const PURL: Attribute = Attribute::known("purl");
const VERSION: Attribute = Attribute::known("library.version");

/// Where a library comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ecosystem {
    /// npm: `name` or `@scope/name`.
    Npm,
    /// Python: the normalised name of PEP 503.
    Pypi,
    /// Maven and Gradle: `group:artifact`.
    Maven,
    /// NuGet.
    Nuget,
    /// Rust.
    Cargo,
    /// Go: the module's path.
    Go,
    /// Ruby.
    Gem,
    /// PHP: `vendor/name`.
    Composer,
    /// CocoaPods: `Pod` or `Pod/Subspec`.
    CocoaPods,
    /// Swift: the repository without its scheme, `github.com/apple/swift-nio`.
    Swift,
    /// Dart and Flutter.
    Pub,
    /// Erlang and Elixir.
    Hex,
    /// Conda.
    Conda,
    /// Homebrew formulas.
    Brew,
    /// Nix.
    Nix,
    /// Guix.
    Guix,
}

impl Ecosystem {
    /// The type of a package URL.
    const fn purl_type(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Nuget => "nuget",
            Self::Cargo => "cargo",
            Self::Go => "golang",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::CocoaPods => "cocoapods",
            Self::Swift => "swift",
            Self::Pub => "pub",
            Self::Hex => "hex",
            Self::Conda => "conda",
            Self::Brew => "brew",
            Self::Nix => "nix",
            Self::Guix => "guix",
        }
    }

    /// The ecosystem of a package URL's type.
    pub(crate) fn of_purl_type(word: &str) -> Option<Self> {
        const ALL: [Ecosystem; 16] = [
            Ecosystem::Npm,
            Ecosystem::Pypi,
            Ecosystem::Maven,
            Ecosystem::Nuget,
            Ecosystem::Cargo,
            Ecosystem::Go,
            Ecosystem::Gem,
            Ecosystem::Composer,
            Ecosystem::CocoaPods,
            Ecosystem::Swift,
            Ecosystem::Pub,
            Ecosystem::Hex,
            Ecosystem::Conda,
            Ecosystem::Brew,
            Ecosystem::Nix,
            Ecosystem::Guix,
        ];
        ALL.into_iter().find(|one| one.purl_type() == word)
    }
}

/// A library at `locator`. `name` is the ecosystem's own form of it, `version` may be empty.
pub(crate) fn library(locator: Locator, ecosystem: Ecosystem, name: &str, version: &str) -> Artifact {
    let mut artifact = Artifact::new(ArtifactKind::Library, locator, "");
    name_in(&mut artifact, ecosystem, name, version);
    artifact
}

/// A dependency that a file asks for: evidence of intent, not of presence.
pub(crate) fn declared(locator: Locator, ecosystem: Ecosystem, name: &str, version: &str) -> Artifact {
    library(locator, ecosystem, name, version).proving(Presence::Declared)
}

/// Adds the ecosystem's own attributes, the version and the package URL.
pub(crate) fn name_in(artifact: &mut Artifact, ecosystem: Ecosystem, name: &str, version: &str) {
    const NPM_NAME: Attribute = Attribute::known("npm.name");
    const NPM_VERSION: Attribute = Attribute::known("npm.version");
    const PYPI_NAME: Attribute = Attribute::known("pypi.name");
    const PYPI_VERSION: Attribute = Attribute::known("pypi.version");
    const MAVEN_GROUP: Attribute = Attribute::known("maven.group");
    const MAVEN_ARTIFACT: Attribute = Attribute::known("maven.artifact");
    const MAVEN_COORDINATE: Attribute = Attribute::known("maven.coordinate");
    const MAVEN_VERSION: Attribute = Attribute::known("maven.version");
    match ecosystem {
        Ecosystem::Npm => {
            artifact.push(NPM_NAME, name);
            artifact.push(NPM_VERSION, version);
        }
        Ecosystem::Pypi => {
            artifact.push(PYPI_NAME, pep503(name));
            artifact.push(PYPI_VERSION, version);
        }
        Ecosystem::Maven => {
            if let Some((group, id)) = name.split_once(':') {
                artifact.push(MAVEN_GROUP, group);
                artifact.push(MAVEN_ARTIFACT, id);
            }
            artifact.push(MAVEN_COORDINATE, name);
            artifact.push(MAVEN_VERSION, version);
        }
        _ => artifact.push(VERSION, version),
    }
    artifact.push(PURL, purl(ecosystem, name, version).unwrap_or_default());
}

/// The package URL, if the name can have one.
fn purl(ecosystem: Ecosystem, name: &str, version: &str) -> Option<String> {
    let pypi;
    let (namespace, name, subpath) = match ecosystem {
        Ecosystem::Pypi => {
            pypi = pep503(name);
            ("", pypi.as_str(), "")
        }
        Ecosystem::Maven => {
            let (group, id) = name.split_once(':')?;
            (group, id, "")
        }
        Ecosystem::CocoaPods => {
            let (pod, part) = name.split_once('/').unwrap_or((name, ""));
            ("", pod, part)
        }
        Ecosystem::Npm | Ecosystem::Go | Ecosystem::Composer | Ecosystem::Swift => {
            let (namespace, name) = name.rsplit_once('/').unwrap_or(("", name));
            (namespace, name, "")
        }
        _ => ("", name, ""),
    };
    let mut purl = PackageUrl::new(ecosystem.purl_type(), name.to_owned()).ok()?;
    if !namespace.is_empty() {
        purl.with_namespace(namespace.to_owned()).ok()?;
    }
    if !version.is_empty() {
        purl.with_version(version.to_owned()).ok()?;
    }
    if !subpath.is_empty() {
        purl.with_subpath(subpath.to_owned()).ok()?;
    }
    Some(purl.to_string())
}

/// A Python name as PEP 503 compares them: lower case, runs of `-`, `_` and `.` are one `-`.
pub(crate) fn pep503(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            other => out.extend(other.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_package_urls() {
        let cases = [
            (Ecosystem::Npm, "@kaspersky/hexa-ui", "2.0.1", "pkg:npm/%40kaspersky/hexa-ui@2.0.1"),
            (Ecosystem::Pypi, "Zope.Interface", "5.4", "pkg:pypi/zope-interface@5.4"),
            (Ecosystem::Maven, "org.slf4j:slf4j-nop", "1.7.32", "pkg:maven/org.slf4j/slf4j-nop@1.7.32"),
            (Ecosystem::Go, "github.com/KasperskyLab/x", "v1.2.3", "pkg:golang/github.com/kasperskylab/x@v1.2.3"),
            (Ecosystem::CocoaPods, "Firebase/Core", "6.0", "pkg:cocoapods/Firebase@6.0#Core"),
            (Ecosystem::Gem, "rails", "", "pkg:gem/rails"),
        ];
        for (ecosystem, name, version, wanted) in cases {
            assert_eq!(purl(ecosystem, name, version).as_deref(), Some(wanted));
        }
    }
}
