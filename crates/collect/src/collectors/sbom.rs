//! Bills of materials and VEX documents: CycloneDX, SPDX, SWID tags, OpenVEX and CSAF, told by their content.
//!
//! One that was named as the place itself speaks of what it lists as if that were here. One that is met on a disk
//! speaks of something else: what it lists is declared, no more.

mod names;

use crate::collector::{Collector, Examined, HEAD, Interest, Meta, Out, Outcome, Seen};
use crate::reading::last_part;
use crate::sbom::{self, Component, Document, Kind, Purl, Statement};
use memchr::memmem;
use names::{
    APK_NAME, APK_VERSION, DEB_NAME, DEB_VERSION, FILE_NAME, FILE_PATH, FILE_SHA256, FLATPAK_ID, GITHUB_ORG, IMAGE,
    NAME, OS_ID, OS_VERSION, PURL, RPM_NAME, RPM_VERSION, SNAP_NAME, SNAP_VERSION, VERSION, push_once,
};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Locator, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Sbom;

const CPE: Attribute = Attribute::known("cpe");
const CPE_VENDOR: Attribute = Attribute::known("cpe.vendor");
const SUPPLIER: Attribute = Attribute::known("sbom.supplier");
const PLACE: Attribute = Attribute::known("sbom.place");
const TAG_CREATOR: Attribute = Attribute::known("swid.tag_creator");
const VEX_PRODUCT: Attribute = Attribute::known("vex.product");
const VEX_COMPONENT: Attribute = Attribute::known("vex.component");
const VEX_STATUS: Attribute = Attribute::known("vex.status");
const VEX_JUSTIFICATION: Attribute = Attribute::known("vex.justification");
const VEX_AUTHOR: Attribute = Attribute::known("vex.author");
const VEX_NOTE: Attribute = Attribute::known("vex.note");

/// How many of its own omissions one document is asked for.
const MOST_GAPS: usize = 100;

static META: Meta = Meta {
    id: "sbom",
    what: "Bills of materials (CycloneDX 1.2 to 1.7, SPDX 2.1 to 2.3 and 3.0, SWID tags) and VEX documents (OpenVEX, CSAF).",
    cannot_see: "SPDX as RDF, YAML or spreadsheet; bills packed, signed or attached to images; what a bill leaves out without saying so.",
    attributes: &[
        PURL,
        CPE,
        CPE_VENDOR,
        SUPPLIER,
        NAME,
        VERSION,
        PLACE,
        TAG_CREATOR,
        FILE_PATH,
        FILE_NAME,
        FILE_SHA256,
        OS_ID,
        OS_VERSION,
        DEB_NAME,
        DEB_VERSION,
        RPM_NAME,
        RPM_VERSION,
        APK_NAME,
        APK_VERSION,
        SNAP_NAME,
        SNAP_VERSION,
        FLATPAK_ID,
        GITHUB_ORG,
        IMAGE,
        Attribute::known("npm.name"),
        Attribute::known("npm.version"),
        Attribute::known("pypi.name"),
        Attribute::known("pypi.version"),
        Attribute::known("maven.group"),
        Attribute::known("maven.artifact"),
        Attribute::known("maven.coordinate"),
        Attribute::known("maven.version"),
        Attribute::known("library.version"),
        VEX_PRODUCT,
        VEX_COMPONENT,
        VEX_STATUS,
        VEX_JUSTIFICATION,
        VEX_AUTHOR,
        VEX_NOTE,
    ],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

impl Collector for Sbom {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Ending(".json"),
            Interest::Ending(".jsonld"),
            Interest::Ending(".xml"),
            Interest::Ending(".spdx"),
            Interest::Ending(".swidtag"),
        ]
    }

    fn could_be(&self, path: &[u8], inside: bool) -> bool {
        let name = last_part(path).to_ascii_lowercase();
        let named = [&b"bom"[..], b"spdx", b"cdx", b"vex", b"csaf", b"swid"];
        !inside || named.iter().any(|word| memmem::find(&name, word).is_some())
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        match look(seen, out) {
            // Where it is the place itself, it could have held anything that files can.
            Err(Fault { reason, detail, gone: false }) if seen.context.alone => {
                out.gap(seen.locator(), reason, Presences::FILES, detail);
                Ok(Examined::Whole)
            }
            outcome => outcome,
        }
    }
}

fn look(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    if seen.head.is_empty() {
        return Ok(Examined::Whole);
    }
    if !may_be_one(seen)? {
        return Ok(Examined::NotMine);
    }
    let Some(document) = sbom::read(&seen.whole(sbom::LIMIT)?)? else { return Ok(Examined::NotMine) };
    let presence = if seen.context.alone { None } else { Some(Presence::Declared) };
    for (at, component) in document.components.iter().enumerate() {
        let mut artifact = artifact(component, locator(seen, &component.reference, "component", at));
        artifact.presence = presence;
        out.add(artifact);
    }
    for (at, statement) in document.statements.iter().enumerate() {
        let mut artifact = stated(statement, locator(seen, "", "statement", at));
        artifact.presence = presence;
        out.add(artifact);
    }
    if seen.context.alone {
        let name = called(&document);
        for text in document.incomplete.iter().take(MOST_GAPS) {
            out.gap(
                seen.locator(),
                GapReason::NotCollected,
                Presences::FILES,
                format!("{name} says of itself: {text}"),
            );
        }
    }
    Ok(Examined::Whole)
}

/// The format of a document and what it speaks of, for messages.
fn called(document: &Document) -> String {
    let of = document.subject.as_deref().map(|subject| format!(" of {subject}")).unwrap_or_default();
    format!("{} {}{of}", document.format, document.version)
}

/// Is it worth reading as a whole? Most files of these endings are something else.
fn may_be_one(seen: &Seen<'_>) -> Result<bool, Fault> {
    if sbom::is_marked(seen.head) {
        return Ok(true);
    }
    let name = seen.name().to_ascii_lowercase();
    if name.ends_with(b".swidtag") || name.ends_with(b".spdx") {
        return Ok(true);
    }
    let mark = b"\xef\xbb\xbf";
    let first = seen.head.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !mark.contains(byte));
    if seen.head.len() < HEAD || !matches!(first, Some(b'{' | b'<')) {
        return Ok(false);
    }
    // What says what a file is can come last: writers that sort keys put `spdxVersion` behind all packages.
    if seen.context.alone {
        return Ok(true);
    }
    let words: [&[u8]; 4] = [b"bom", b"spdx", b"cdx", b"vex"];
    if !words.iter().any(|word| memmem::find(&name, word).is_some()) {
        return Ok(false);
    }
    let mut tail = [0_u8; HEAD];
    let read = seen.file.read_at(seen.file.size()?.saturating_sub(HEAD as u64), &mut tail)?;
    Ok(sbom::is_marked(tail.get(..read).unwrap_or_default()))
}

fn locator(seen: &Seen<'_>, reference: &str, what: &str, at: usize) -> Locator {
    match reference {
        "" => seen.locator().inside(format!("{what} {}", at.saturating_add(1)).as_bytes()),
        _ => seen.locator().inside(reference.as_bytes()),
    }
}

fn artifact(component: &Component, locator: Locator) -> Artifact {
    let purls: Vec<Purl> = component.purls.iter().filter_map(|text| sbom::read_purl(text)).collect();
    let packaged = |purl: &Purl| matches!(purl.kind.as_str(), "deb" | "rpm" | "apk" | "alpm" | "snap" | "flatpak");
    let kind = match component.kind {
        _ if purls.iter().any(packaged) => ArtifactKind::Package,
        Kind::OperatingSystem => ArtifactKind::System,
        Kind::File => ArtifactKind::File,
        Kind::Library | Kind::Application | Kind::Container | Kind::Device | Kind::Firmware | Kind::Other => {
            ArtifactKind::Library
        }
    };
    let mut artifact = Artifact::new(kind, locator, "");
    purls.iter().for_each(|purl| names::by_purl(&mut artifact, purl));
    if purls.is_empty() {
        // What is no package URL by its form is kept as it is.
        component.purls.iter().for_each(|text| artifact.push(PURL, text));
        names::by_kind(&mut artifact, component);
    }
    for cpe in component.cpes.iter().filter_map(|text| sbom::cpe_name(text)) {
        push_once(&mut artifact, CPE_VENDOR, sbom::cpe_vendor(&cpe).unwrap_or_default());
        push_once(&mut artifact, CPE, cpe);
    }
    for text in &component.supplier {
        let (name, address) = name_and_address(text);
        push_once(&mut artifact, SUPPLIER, name.to_owned());
        push_once(&mut artifact, SUPPLIER, address.to_owned());
    }
    component.tag_creator.iter().for_each(|name| artifact.push(TAG_CREATOR, name));
    component.places.iter().for_each(|place| artifact.push(PLACE, place));
    artifact
}

fn stated(statement: &Statement, locator: Locator) -> Artifact {
    let mut artifact = Artifact::new(ArtifactKind::Statement, locator, "")
        .with(VEX_STATUS, &statement.status)
        .with(VEX_JUSTIFICATION, &statement.justification)
        .with(VEX_AUTHOR, &statement.author)
        .with(VEX_NOTE, &statement.note);
    for (attribute, list) in [(VEX_PRODUCT, &statement.product), (VEX_COMPONENT, &statement.component)] {
        for text in list {
            push_once(&mut artifact, attribute, sbom::read_purl(text).map_or_else(|| text.clone(), |purl| purl.plain));
        }
    }
    artifact
}

/// `AO Kaspersky Lab <support@kaspersky.com>`, or with round brackets as SPDX has them, as name and address.
fn name_and_address(text: &str) -> (&str, &str) {
    let split = |open: char, close: char| {
        let (name, address) = text.strip_suffix(close)?.rsplit_once(open)?;
        (address.contains('@') || address.contains("://")).then(|| (name.trim(), address.trim()))
    };
    split('<', '>').or_else(|| split('(', ')')).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(component: &Component) -> Vec<String> {
        let artifact = artifact(component, Locator("x".to_owned()));
        artifact.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn a_package_url_gives_the_ecosystems_own_attributes() {
        let component = Component {
            name: "kesl".to_owned(),
            purls: vec!["pkg:deb/debian/kesl@12.1.0-1508?arch=amd64&distro=debian-12".to_owned()],
            cpes: vec!["cpe:/a:kaspersky:kesl:12".to_owned()],
            supplier: vec!["AO Kaspersky Lab <support@kaspersky.com>".to_owned()],
            ..Component::default()
        };
        assert_eq!(
            pairs(&component),
            [
                "deb.name=kesl",
                "deb.version=12.1.0-1508",
                "purl=pkg:deb/debian/kesl@12.1.0-1508",
                "cpe.vendor=kaspersky",
                "cpe=cpe:2.3:a:kaspersky:kesl:12:*:*:*:*:*:*:*",
                "sbom.supplier=AO Kaspersky Lab",
                "sbom.supplier=support@kaspersky.com",
            ]
        );
        let purls = vec!["pkg:npm/%40kaspersky/hexa-ui@6.1.0".to_owned()];
        let library = Component { purls, ..Component::default() };
        assert_eq!(
            pairs(&library),
            ["npm.name=@kaspersky/hexa-ui", "npm.version=6.1.0", "purl=pkg:npm/%40kaspersky/hexa-ui@6.1.0"]
        );
    }

    #[test]
    fn what_lies_on_github_has_its_owner() {
        let named = |purls: &[&str]| {
            let purls = purls.iter().map(|text| (*text).to_owned()).collect();
            pairs(&Component { purls, ..Component::default() })
        };
        assert_eq!(
            named(&["pkg:golang/github.com/KasperskyLab/x/v2@v2.1.0"]),
            [
                "library.version=v2.1.0",
                "purl=pkg:golang/github.com/kasperskylab/x/v2@v2.1.0",
                "github.org=KasperskyLab",
                "purl=pkg:github/KasperskyLab/x@v2.1.0",
            ]
        );
        let swift =
            ["pkg:swift/github.com/KasperskyLab/Kaspresso.swift@1.2", "pkg:github/KasperskyLab/Kaspresso.swift"];
        let both = named(&swift);
        assert_eq!(both.iter().filter(|pair| *pair == "github.org=KasperskyLab").count(), 1, "{both:?}");
        let other = named(&["pkg:golang/gopkg.example/github.com/x@v1"]);
        assert!(!other.iter().any(|pair| pair.starts_with("github.org")), "{other:?}");
    }

    #[test]
    fn what_has_only_a_name_keeps_it() {
        let named = |name: &str, kind| Component {
            name: name.to_owned(),
            version: "1".to_owned(),
            kind,
            hashes: vec![("SHA-256".to_owned(), "AB".to_owned()), ("MD5".to_owned(), "CD".to_owned())],
            ..Component::default()
        };
        assert_eq!(pairs(&named("Kaspersky", Kind::Application)), ["sbom.name=Kaspersky", "sbom.version=1"]);
        assert_eq!(pairs(&named("debian", Kind::OperatingSystem)), ["os.id=debian", "os.version=1"]);
        assert_eq!(
            pairs(&named("opt/kes/avp", Kind::File)),
            ["file.path=/opt/kes/avp", "file.name=avp", "file.sha256=ab"]
        );
        assert_eq!(
            pairs(&named("registry.example:5000/kaspersky/kesl:12", Kind::Container))[0],
            "container.image=registry.example:5000/kaspersky/kesl"
        );
    }

    #[test]
    fn addresses_are_split_off() {
        assert_eq!(name_and_address("A (a@x.example)"), ("A", "a@x.example"));
        assert_eq!(name_and_address("A (https://x.example/a)"), ("A", "https://x.example/a"));
        assert_eq!(name_and_address("Kaspersky Lab (UK)"), ("Kaspersky Lab (UK)", ""));
    }
}
