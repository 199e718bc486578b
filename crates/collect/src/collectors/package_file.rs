//! Package files that lie in the place, by what they call themselves: `control` in a Debian package file (deb(5)), the
//! header of an RPM package file, `.PKGINFO` in an Alpine one. Nothing of them is installed for that.

use super::rpm::header::Header;
use super::{apk, dpkg, rpm};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::{assignment, be32};
use ostrakon_model::{ArtifactKind, GapReason, Presence, Presences};
use ostrakon_place::container::{self, Format, Purse, sniff};
use ostrakon_place::{Fault, File};
use std::ops::ControlFlow;

pub(crate) struct PackageFile;

static META: Meta = Meta {
    id: "package-file",
    what: "Package files of dpkg, rpm and apk by what they call themselves. They are not installed for that.",
    cannot_see: "Package files of other systems; what a package's scripts would fetch.",
    attributes: &[
        dpkg::NAME,
        dpkg::VERSION,
        dpkg::MAINTAINER,
        dpkg::ARCHITECTURE,
        rpm::NAME,
        rpm::VERSION,
        rpm::VENDOR,
        rpm::PACKAGER,
        apk::NAME,
        apk::VERSION,
        apk::MAINTAINER,
        dpkg::PURL,
    ],
    hides: Presences::of(&[Presence::Dormant]),
    live: false,
};

/// The lead of an RPM package file.
const LEAD: u64 = 96;

impl Collector for PackageFile {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Path("control"), Interest::Path(".PKGINFO"), Interest::Magic(0, b"\xed\xab\xee\xdb")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        match seen.name() {
            b"control" if is_control(seen.text) => {
                let text = seen.text(4 << 20)?;
                if text.trim().is_empty() {
                    return Ok(Examined::Whole);
                }
                let stanza = text.split("\n\n").next().unwrap_or_default();
                let package = dpkg::package(stanza, false).map_err(Fault::corrupt)?;
                let pairs = package.map(|(pairs, _)| pairs).unwrap_or_default();
                let mut artifact = seen.artifact(ArtifactKind::Package).proving(Presence::Dormant);
                let told = pairs.into_iter().filter(|(attribute, _)| META.attributes.contains(attribute));
                told.for_each(|(attribute, value)| artifact.push(attribute, value));
                out.add(artifact);
                Ok(Examined::Whole)
            }
            b".PKGINFO" if seen.text.ends_with("!/.PKGINFO") => {
                let text = seen.text(4 << 20)?;
                let value = |wanted: &str| {
                    let pair = text.lines().filter_map(assignment).find(|(key, _)| *key == wanted);
                    pair.map(|(_, value)| value).unwrap_or_default()
                };
                let (name, version) = (value("pkgname"), value("pkgver"));
                if name.is_empty() {
                    return if text.trim().is_empty() { Ok(Examined::Whole) } else { Ok(Examined::NotMine) };
                }
                let artifact = seen.artifact(ArtifactKind::Package).proving(Presence::Dormant);
                let artifact = artifact.with(apk::NAME, name).with(apk::VERSION, version);
                let artifact = artifact.with(apk::MAINTAINER, value("maintainer"));
                out.add(artifact.with(dpkg::PURL, format!("pkg:apk/{name}@{version}")));
                Ok(Examined::Whole)
            }
            _ if seen.head.starts_with(b"\xed\xab\xee\xdb") => {
                let blob = header(seen.file)?;
                let header = Header::parse(&blob).map_err(Fault::corrupt)?;
                let text = |tag| header.text(tag).unwrap_or_default();
                let name = text(rpm::header::NAME);
                let version = format!("{}-{}", text(rpm::header::VERSION), text(rpm::header::RELEASE));
                let artifact = seen.artifact(ArtifactKind::Package).proving(Presence::Dormant);
                let artifact = artifact.with(rpm::NAME, name).with(rpm::VERSION, &version);
                let artifact = artifact.with(rpm::VENDOR, text(rpm::header::VENDOR));
                let artifact = artifact.with(rpm::PACKAGER, text(rpm::header::PACKAGER));
                out.add(artifact.with(dpkg::PURL, format!("pkg:rpm/{name}@{version}")));
                Ok(Examined::Whole)
            }
            _ => Ok(Examined::NotMine),
        }
    }
}

/// `x.deb!/control.tar.xz!/control`.
fn is_control(text: &str) -> bool {
    text.strip_suffix("!/control")
        .and_then(|outer| outer.rsplit('/').next())
        .is_some_and(|name| name == "control.tar" || name.starts_with("control.tar."))
}

/// The header of an RPM package file, without its first eight bytes, as the database stores it.
fn header(file: &dyn File) -> Result<Vec<u8>, Fault> {
    let sizes = |at: u64| -> Result<(u64, u64), Fault> {
        let mut head = [0; 16];
        if file.read_at(at, &mut head)? < head.len() {
            return Err(Fault::new(GapReason::Truncated, "it ends before its header does"));
        }
        if !head.starts_with(b"\x8e\xad\xe8") {
            return Err(Fault::corrupt("its header does not begin as it must"));
        }
        let number = |at| u64::from(be32(&head, at).unwrap_or_default());
        Ok((number(8), number(12)))
    };
    let (entries, bytes) = sizes(LEAD)?;
    let start = (LEAD + 16 + entries * 16 + bytes).next_multiple_of(8);
    let (entries, bytes) = sizes(start)?;
    let length = 8 + entries * 16 + bytes;
    if length > 64 << 20 {
        return Err(Fault::new(GapReason::Limit, "its header is larger than 64 MiB"));
    }
    let mut blob = vec![0; usize::try_from(length).unwrap_or_default()];
    if file.read_at(start + 8, &mut blob)? < blob.len() {
        return Err(Fault::new(GapReason::Truncated, "it ends before its header does"));
    }
    Ok(blob)
}

/// The package that a package file is, such as `deb:rspamd`: what lies in it belongs to that one.
pub(crate) fn owner(format: Format, file: &dyn File, purse: &Purse) -> Option<String> {
    match format {
        Format::Rpm => {
            let blob = header(file).ok()?;
            let header = Header::parse(&blob).ok()?;
            Some(format!("rpm:{}", header.text(rpm::header::NAME)?))
        }
        Format::Deb => {
            let mut owner = None;
            // What cannot be read is a gap when its turn comes.
            let _ = container::open(Format::Deb, b"", file, purse, &mut |member, file| {
                if !member.path.starts_with(b"/control.tar") {
                    return ControlFlow::Continue(());
                }
                owner = control(member.path, file, purse);
                ControlFlow::Break(())
            });
            owner
        }
        _ => None,
    }
}

fn control(name: &[u8], file: &dyn File, purse: &Purse) -> Option<String> {
    let mut head = [0; 512];
    let read = file.read_at(0, &mut head).ok()?;
    let format = sniff(name, &head[..read])?.ok()?;
    let mut owner = None;
    let _ = container::open(format, name, file, purse, &mut |member, file| {
        if member.path != b"/control" {
            return ControlFlow::Continue(());
        }
        let text = file.read_all(4 << 20).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.unwrap_or_default();
        owner = text.lines().find_map(|line| line.strip_prefix("Package:")).map(|name| format!("deb:{}", name.trim()));
        ControlFlow::Break(())
    });
    owner
}
