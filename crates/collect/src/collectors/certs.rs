//! Certificates in trust stores: the system's folders and bundles, the NSS databases of users' browsers, Java's key
//! stores. A product that looks into TLS leaves its root here, often after it is gone.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::be32;
use crate::sqlite;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Locator, Presence, Presences};
use ostrakon_place::Fault;
use x509_parser::prelude::{FromDer, Pem, X509Certificate};

pub(crate) struct Certs;

pub(super) const STORE: Attribute = Attribute::known("certificate.store");
pub(super) const SUBJECT: Attribute = Attribute::known("certificate.subject");
pub(super) const COMMON_NAME: Attribute = Attribute::known("certificate.subject.common_name");
pub(super) const ORGANIZATION: Attribute = Attribute::known("certificate.subject.organization");
pub(super) const ISSUER: Attribute = Attribute::known("certificate.issuer");

const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "certs",
    what: "Certificates in the system's trust folders and bundles, in NSS databases (cert9.db) of users and in Java key stores (JKS).",
    cannot_see: "Trust kept elsewhere: PKCS#12 stores, certificates compiled into programs, stores on smart cards.",
    attributes: &[STORE, SUBJECT, COMMON_NAME, ORGANIZATION, ISSUER],
    hides: Presences::of(&[Presence::Remnant]),
    live: false,
};

/// Folders whose files systems trust, anywhere in a path.
const STORES: [&[u8]; 9] = [
    b"/etc/ssl/certs/",
    b"/usr/share/ca-certificates/",
    b"/usr/local/share/ca-certificates/",
    b"/etc/pki/",
    b"/usr/share/pki/",
    b"/etc/ca-certificates/",
    b"/var/lib/ca-certificates/",
    b"/etc/ssl/cert.pem",
    b"/usr/lib/ssl/cert.pem",
];

impl Collector for Certs {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Ending(".pem"),
            Interest::Ending(".crt"),
            Interest::Ending(".cer"),
            Interest::Ending(".0"),
            Interest::Name("cert9.db"),
            Interest::Name("cert8.db"),
            Interest::Name("cacerts"),
        ]
    }

    fn asks_others(&self, name: &[u8]) -> bool {
        name.ends_with(b".db")
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        match seen.name() {
            b"cert9.db" => nss(seen, out),
            b"cert8.db" if seen.head.is_empty() => Ok(Examined::Whole),
            b"cert8.db" => Err(Fault::new(GapReason::UnsupportedFormat, "an NSS database of before 2009")),
            b"cacerts" => java(seen, out),
            _ if !STORES.iter().any(|store| contains(seen.path, store)) => Ok(Examined::NotMine),
            _ => files(seen, out),
        }
    }
}

fn contains(path: &[u8], part: &[u8]) -> bool {
    path.windows(part.len()).any(|window| window == part)
}

/// PEM with any number of certificates, or one DER.
fn files(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    let bytes = seen.whole(LIMIT)?;
    if bytes.is_empty() {
        return Ok(Examined::Whole);
    }
    if bytes[0] == 0x30 {
        out.add(certificate(&bytes, seen.locator(), "system").map_err(Fault::corrupt)?);
        return Ok(Examined::Whole);
    }
    for (at, pem) in Pem::iter_from_buffer(&bytes).enumerate() {
        let pem = pem.map_err(|error| Fault::corrupt(format!("certificate {}: {error}", at + 1)))?;
        // Keys, lists and parameters lie in such files too.
        if !matches!(pem.label.as_str(), "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE") {
            continue;
        }
        let locator = seen.locator().inside(format!("{}", at + 1).as_bytes());
        let artifact = certificate(&pem.contents, locator, "system");
        out.add(artifact.map_err(|error| Fault::corrupt(format!("certificate {}: {error}", at + 1)))?);
    }
    Ok(Examined::Whole)
}

/// NSS keeps objects in a table whose columns are PKCS#11 attributes: `a0` the class (1 is a certificate), `a11` the DER.
fn nss(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    if seen.head.is_empty() {
        return Ok(Examined::Whole);
    }
    let database = sqlite::open(seen)?;
    let rows = || {
        let mut statement =
            database.prepare("SELECT id, a11 FROM nssPublic WHERE a0 = x'00000001' AND a11 IS NOT NULL")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    for (id, der) in rows().map_err(|error: rusqlite::Error| sqlite::fault(&error))? {
        let locator = seen.locator().inside(id.to_string().as_bytes());
        out.add(certificate(&der, locator, "nss").map_err(Fault::corrupt)?);
    }
    Ok(Examined::Whole)
}

fn java(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    if seen.head.is_empty() {
        return Ok(Examined::Whole);
    }
    if be32(seen.head, 0) != Some(0xfeed_feed) {
        let detail = "a Java key store that is not JKS".to_owned();
        return if seen.head[0] == 0x30 {
            Err(Fault::new(GapReason::UnsupportedFormat, detail))
        } else {
            Ok(Examined::NotMine)
        };
    }
    let bytes = seen.whole(LIMIT)?;
    for (alias, der) in match trusted(&bytes) {
        Some(list) => list,
        None => return Err(Fault::corrupt("its entries do not fit the file")),
    } {
        match certificate(der, seen.locator().inside(alias), "java") {
            Ok(artifact) => out.add(artifact),
            Err(problem) => return Err(Fault::corrupt(problem)),
        }
    }
    Ok(Examined::Whole)
}

/// The trusted certificates of a JKS file: magic, version, count, then entries of kind, alias, time, type, DER.
fn trusted(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut at = 12;
    let mut list = Vec::new();
    let short = |at: &mut usize| {
        let length = usize::from(u16::from_be_bytes(bytes.get(*at..*at + 2)?.try_into().ok()?));
        let text = bytes.get(*at + 2..*at + 2 + length)?;
        *at += 2 + length;
        Some(text)
    };
    for _ in 0..be32(bytes, 8)? {
        let kind = be32(bytes, at)?;
        at += 4;
        let alias = short(&mut at)?;
        at += 8;
        // Kind 1 is a private key, which no store of trust has; its layout differs.
        if kind != 2 {
            return None;
        }
        short(&mut at)?;
        let length = be32(bytes, at)? as usize;
        list.push((alias, bytes.get(at + 4..at.checked_add(4)?.checked_add(length)?)?));
        at += 4 + length;
    }
    Some(list)
}

pub(super) fn certificate(der: &[u8], locator: Locator, store: &str) -> Result<Artifact, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    let subject = certificate.subject();
    let mut artifact = Artifact::new(ArtifactKind::Certificate, locator, "")
        .with(STORE, store)
        .with(SUBJECT, subject.to_string())
        .with(ISSUER, certificate.issuer().to_string());
    for name in subject.iter_common_name() {
        artifact.push(COMMON_NAME, name.as_str().unwrap_or_default());
    }
    for name in subject.iter_organization() {
        artifact.push(ORGANIZATION, name.as_str().unwrap_or_default());
    }
    Ok(artifact)
}
