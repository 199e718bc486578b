//! Packages of Windows Installer (.msi), merge modules and patches, by what they say of themselves and who signed them.
//! Nothing of them is installed for that. Own code over the reader in `place`: the crate `msi` 0.11 panics on a table whose
//! rows have no name, and takes no package in which one of its tables is broken.

mod properties;
mod sign;
mod tables;

use super::hives::{DISPLAY_NAME, PRODUCT_CODE, PUBLISHER, UPGRADE_CODE, VERSION};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::signature;
use ostrakon_model::{Artifact, ArtifactKind, Presence, Presences};
use ostrakon_place::Fault;
use ostrakon_place::container::{Package, PackageKind};
use properties::Summary;
use tables::Database;

pub(crate) struct Msi;

static META: Meta = Meta {
    id: "msi",
    what: "Packages of Windows Installer, merge modules and patches: product and upgrade codes (of a patch those it is for), name, \
           maker and version as the list of programs would have them, and who signed; the digest is compared where a dossier \
           recognises the package. The files in them are looked at as well (archives).",
    cannot_see: "What a package installs by the names it gives files; properties that a transform or the command line would \
                 set; whether the key behind a signature is good.",
    attributes: &[
        PRODUCT_CODE,
        UPGRADE_CODE,
        DISPLAY_NAME,
        PUBLISHER,
        VERSION,
        signature::SUBJECT,
        signature::COMMON_NAME,
        signature::ORGANIZATION,
        signature::SERIAL_NUMBER,
        signature::ISSUER,
        signature::CHAIN,
        signature::SHA256,
        sign::STATE,
    ],
    hides: Presences::of(&[Presence::Dormant]),
    live: false,
};

impl Collector for Msi {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Magic(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let name = seen.name().to_ascii_lowercase();
        let called = [&b".msi"[..], b".msp", b".msm"].iter().any(|ending| name.ends_with(ending));
        if !called && !Package::is_one(seen.file)? {
            return Ok(Examined::NotMine);
        }
        let package = Package::open(seen.file)?;
        let mut artifact = seen.artifact(ArtifactKind::Package).proving(Presence::Dormant);
        // Each part is tried, whatever became of those before it; the first fault is the one that is told.
        let said = describe(&package, &mut artifact);
        let signed = sign::describe(&package, seen.context.worth, &mut artifact);
        out.add(artifact);
        said.and(signed).map(|()| Examined::Whole)
    }
}

fn describe(package: &Package<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let summary = Summary::read(package);
    if package.kind() == PackageKind::Patch {
        if let Ok(summary) = &summary {
            summary.codes().for_each(|code| artifact.push(PRODUCT_CODE, code));
        }
        for [_, name, value] in Database::open(package)?.table("MsiPatchMetadata")? {
            match name.as_str() {
                "DisplayName" => artifact.push(DISPLAY_NAME, value),
                "ManufacturerName" => artifact.push(PUBLISHER, value),
                _ => {}
            }
        }
        return summary.map(|_| ());
    }
    let told = Database::open(package).and_then(|database| database.table("Property"));
    for [name, value] in told.iter().flatten() {
        let attribute = match name.as_str() {
            "ProductCode" => PRODUCT_CODE,
            "UpgradeCode" => UPGRADE_CODE,
            "ProductName" => DISPLAY_NAME,
            "Manufacturer" => PUBLISHER,
            "ProductVersion" => VERSION,
            _ => continue,
        };
        artifact.push(attribute, value);
    }
    // A module has no such table; one that is broken may still say this.
    if let Ok(summary) = &summary {
        for (attribute, value) in [(DISPLAY_NAME, &summary.subject), (PUBLISHER, &summary.author)] {
            if artifact.values(attribute).next().is_none() {
                artifact.push(attribute, value.as_str());
            }
        }
    }
    told.map(|_| ()).and(summary.map(|_| ()))
}
