//! Packages of the Microsoft Store and their kin (AppX, MSIX), by the manifest that each has in its folder. The family's
//! name is made of its name and its publisher, and says the same as the registry does.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::decoded;
use crate::sbom::xml::{Attributes, Elements, walk};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use sha2::{Digest, Sha256};

pub(crate) struct Appx;

const FAMILY: Attribute = Attribute::known("msix.family_name");
const NAME: Attribute = Attribute::known("msix.name");
const PUBLISHER: Attribute = Attribute::known("msix.publisher");
const VERSION: Attribute = Attribute::known("msix.version");
const TITLE: Attribute = Attribute::known("msix.display_name");
const MAKER: Attribute = Attribute::known("msix.publisher_display_name");

static META: Meta = Meta {
    id: "appx",
    what: "AppX and MSIX packages, also those of the Microsoft Store, by their manifests: installed below WindowsApps and \
           SystemApps, and as files, bundles too.",
    cannot_see: "For which users a package is registered (hives); whether its signature is good; names that it holds one of \
                 for each language.",
    attributes: &[FAMILY, NAME, PUBLISHER, VERSION, TITLE, MAKER],
    hides: Presences::of(&[Presence::Installed, Presence::Dormant]),
    live: false,
};

/// Manifests of large packages have some 100 KiB.
const MOST: u64 = 16 << 20;

impl Collector for Appx {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("AppxManifest.xml"), Interest::Name("AppxBundleManifest.xml")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let bytes = seen.whole(MOST)?;
        if bytes.is_empty() {
            return Ok(Examined::Whole);
        }
        let folder = installed(seen.path);
        let mut artifact = seen.artifact(ArtifactKind::Package);
        if folder.is_none() {
            artifact = artifact.proving(Presence::Dormant);
        }
        let mut manifest = Manifest { artifact, named: false };
        let read = walk(&decoded(&bytes), &mut manifest);
        if let (true, Some(family)) = (manifest.named, folder.as_deref().and_then(family_of)) {
            // Windows knows the package by this name, whatever the manifest has become.
            let known = manifest.artifact.values(FAMILY).any(|known| known.eq_ignore_ascii_case(&family));
            manifest.artifact.push(FAMILY, if known { String::new() } else { family });
        }
        if manifest.named {
            out.add(manifest.artifact);
        }
        read?;
        if manifest.named { Ok(Examined::Whole) } else { Err(Fault::corrupt("a manifest without an identity")) }
    }
}

/// The folder of the package, if its manifest lies where Windows has installed ones. A drive that is not the system's has
/// them at its root.
fn installed(path: &[u8]) -> Option<String> {
    const FOLDERS: [&str; 3] = ["/windowsapps", "/program files/windowsapps", "/windows/systemapps"];
    let path = String::from_utf8_lossy(path);
    let mut parts = path.rsplitn(3, '/');
    let (manifest, folder, above) = (parts.next()?, parts.next()?, parts.next()?);
    let here = manifest == "AppxManifest.xml" && FOLDERS.contains(&above.to_ascii_lowercase().as_str());
    here.then(|| folder.to_owned())
}

/// The family that a folder's name says: `Name_Version_Processor_Resource_Publisher`, or the family itself.
fn family_of(folder: &str) -> Option<String> {
    let (name, _) = folder.split_once('_')?;
    let (_, publisher) = folder.rsplit_once('_').filter(|(_, publisher)| publisher.len() == 13)?;
    Some(format!("{name}_{publisher}"))
}

struct Manifest {
    artifact: Artifact,
    named: bool,
}

impl Elements for Manifest {
    fn open(&mut self, path: &str, attributes: &Attributes) -> Result<(), Fault> {
        let (name, publisher) = (attributes.get("Name"), attributes.get("Publisher"));
        if matches!(path, "Package/Identity" | "Bundle/Identity") && !self.named && !name.is_empty() {
            self.named = true;
            self.artifact.push(FAMILY, format!("{name}_{}", hash(publisher)));
            self.artifact.push(NAME, name);
            self.artifact.push(PUBLISHER, publisher);
            self.artifact.push(VERSION, attributes.get("Version"));
        }
        Ok(())
    }

    fn close(&mut self, path: &str, text: &str) -> Result<(), Fault> {
        match path {
            "Package/Properties/DisplayName" => self.artifact.push(TITLE, text),
            "Package/Properties/PublisherDisplayName" => self.artifact.push(MAKER, text),
            _ => {}
        }
        Ok(())
    }
}

/// The publisher in a family's name: the first 64 bits of the SHA-256 of its UTF-16, and a 0, five bits a letter.
fn hash(publisher: &str) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bytes: Vec<u8> = publisher.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let first = Sha256::digest(bytes).first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    let bits = u128::from(first) << 1;
    (0..13).rev().map(|at| char::from(LETTERS[(bits >> (5 * at) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_are_hashed_as_windows_does() {
        let microsoft = "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US";
        assert_eq!(hash(microsoft), "8wekyb3d8bbwe");
        let windows = "CN=Microsoft Windows, O=Microsoft Corporation, L=Redmond, S=Washington, C=US";
        assert_eq!(hash(windows), "cw5n1h2txyewy");
    }

    #[test]
    fn folders_are_called_after_families() {
        let family = Some("Contoso.App_8wekyb3d8bbwe".to_owned());
        assert_eq!(family_of("Contoso.App_1.0.5.0_x64__8wekyb3d8bbwe"), family);
        assert_eq!(family_of("Contoso.App_8wekyb3d8bbwe"), family);
        assert_eq!(family_of("Contoso.App_1.0"), None);
    }

    #[test]
    fn packages_are_installed_where_windows_has_them() {
        for (path, wanted) in [
            ("/Program Files/WindowsApps/x_1.0_x64__y/AppxManifest.xml", true),
            ("/WindowsApps/x/AppxManifest.xml", true),
            ("/Windows/SystemApps/x/AppxManifest.xml", true),
            ("/Program Files/WindowsApps/x/sub/AppxManifest.xml", false),
            ("/backup/Program Files/WindowsApps/x/AppxManifest.xml", false),
            ("/Users/a/AppxManifest.xml", false),
            ("/AppxManifest.xml", false),
        ] {
            assert_eq!(installed(path.as_bytes()).is_some(), wanted, "{path}");
        }
    }
}
