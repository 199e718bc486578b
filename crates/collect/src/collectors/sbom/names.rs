//! What a component is called: as its package URL has it, or by what it is.

use crate::collectors::swift_package::{name_github, repository};
use crate::library::{Ecosystem, name_in};
use crate::reading::last_part;
use crate::sbom::{Component, Kind, Purl};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Locator};

pub(super) const PURL: Attribute = Attribute::known("purl");
pub(super) const NAME: Attribute = Attribute::known("sbom.name");
pub(super) const VERSION: Attribute = Attribute::known("sbom.version");
pub(super) const FILE_PATH: Attribute = Attribute::known("file.path");
pub(super) const FILE_NAME: Attribute = Attribute::known("file.name");
pub(super) const FILE_SHA256: Attribute = Attribute::known("file.sha256");
pub(super) const OS_ID: Attribute = Attribute::known("os.id");
pub(super) const OS_VERSION: Attribute = Attribute::known("os.version");
pub(super) const DEB_NAME: Attribute = Attribute::known("deb.name");
pub(super) const DEB_VERSION: Attribute = Attribute::known("deb.version");
pub(super) const RPM_NAME: Attribute = Attribute::known("rpm.name");
pub(super) const RPM_VERSION: Attribute = Attribute::known("rpm.version");
pub(super) const APK_NAME: Attribute = Attribute::known("apk.name");
pub(super) const APK_VERSION: Attribute = Attribute::known("apk.version");
pub(super) const SNAP_NAME: Attribute = Attribute::known("snap.name");
pub(super) const SNAP_VERSION: Attribute = Attribute::known("snap.version");
pub(super) const FLATPAK_ID: Attribute = Attribute::known("flatpak.id");
pub(super) const GITHUB_ORG: Attribute = Attribute::known("github.org");
pub(super) const IMAGE: Attribute = Attribute::known("container.image");

/// The attributes that the type of a package URL stands for.
pub(super) fn by_purl(artifact: &mut Artifact, purl: &Purl) {
    match purl.kind.as_str() {
        "deb" => {
            push_once(artifact, DEB_NAME, purl.name.clone());
            push_once(artifact, DEB_VERSION, purl.version.clone());
        }
        "rpm" => {
            push_once(artifact, RPM_NAME, purl.name.clone());
            push_once(artifact, RPM_VERSION, purl.version.clone());
        }
        "apk" => {
            push_once(artifact, APK_NAME, purl.name.clone());
            push_once(artifact, APK_VERSION, purl.version.clone());
        }
        "snap" => {
            push_once(artifact, SNAP_NAME, purl.name.clone());
            push_once(artifact, SNAP_VERSION, purl.version.clone());
        }
        "flatpak" => push_once(artifact, FLATPAK_ID, purl.name.clone()),
        "github" => push_once(artifact, GITHUB_ORG, purl.namespace.clone()),
        "docker" => push_once(artifact, IMAGE, purl.full_name('/')),
        "oci" => {
            let name = purl.full_name('/');
            // Some writers put the repository where a namespace would be.
            let image = if purl.repository.is_empty() { &name } else { &purl.repository };
            push_once(artifact, IMAGE, without_tag(image).to_owned());
        }
        other => match Ecosystem::of_purl_type(other) {
            Some(ecosystem) => {
                let between = if ecosystem == Ecosystem::Maven { ':' } else { '/' };
                name_in(artifact, ecosystem, &purl.full_name(between), &purl.version);
                let spelled = artifact.values(PURL).next().is_some();
                if matches!(ecosystem, Ecosystem::Go | Ecosystem::Swift) {
                    on_github(artifact, purl);
                }
                if spelled {
                    return;
                }
            }
            None => {
                push_once(artifact, NAME, purl.full_name('/'));
                push_once(artifact, VERSION, purl.version.clone());
            }
        },
    }
    push_once(artifact, PURL, purl.plain.clone());
}

/// A module of Go or a package of Swift is called as its repository is: where that is on GitHub, adds its owner and its
/// other package URL.
fn on_github(artifact: &mut Artifact, purl: &Purl) {
    let mut named = Artifact::new(ArtifactKind::Library, Locator(String::new()), "");
    name_github(&mut named, &repository(&purl.full_name('/')), &purl.version);
    for (attribute, value) in named.attributes {
        push_once(artifact, attribute, value);
    }
}

/// What a component without package URL is called, by what it is.
pub(super) fn by_kind(artifact: &mut Artifact, component: &Component) {
    match component.kind {
        Kind::OperatingSystem => {
            artifact.push(OS_ID, &component.name);
            artifact.push(OS_VERSION, &component.version);
        }
        Kind::File => {
            let path = component.name.strip_prefix("./").unwrap_or(&component.name);
            let rooted = path.starts_with('/') || path.contains(":\\");
            artifact.push(FILE_PATH, if rooted { path.to_owned() } else { format!("/{path}") });
            let name = path.rsplit('\\').next().unwrap_or(path);
            artifact.push(FILE_NAME, String::from_utf8_lossy(last_part(name.as_bytes())));
            let sha256 = |word: &str| word.replace('-', "").eq_ignore_ascii_case("sha256");
            for (_, value) in component.hashes.iter().filter(|(word, _)| sha256(word)) {
                artifact.push(FILE_SHA256, value.to_ascii_lowercase());
            }
        }
        _ => {
            if component.kind == Kind::Container {
                artifact.push(IMAGE, without_tag(&component.name));
            }
            artifact.push(NAME, &component.name);
            artifact.push(VERSION, &component.version);
        }
    }
}

/// Adds a value that is not there yet.
pub(super) fn push_once(artifact: &mut Artifact, attribute: Attribute, value: String) {
    if !artifact.values(attribute).any(|known| known == value) {
        artifact.push(attribute, value);
    }
}

/// An image's reference without tag and digest.
fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        // A `:` before a `/` begins the port of a registry.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}
