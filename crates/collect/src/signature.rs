//! Who signed a program: code signatures as signed data of CMS (RFC 5652; PKCS #7 before it), which PE, Windows Installer
//! and Mach-O files carry. The certificates are read, nothing is verified: neither the signature nor the chain.

mod ber;
mod name;

use crate::reading::hex;
use ber::{Element, INTEGER, OBJECT, OCTETS, OWN_0, OWN_1, OWN_3, OWN_BYTES_0, PIECES, SEQUENCE, SET};
use ostrakon_model::{Artifact, Attribute};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

pub(crate) const SUBJECT: Attribute = Attribute::known("signature.subject");
pub(crate) const COMMON_NAME: Attribute = Attribute::known("signature.subject.common_name");
pub(crate) const ORGANIZATION: Attribute = Attribute::known("signature.subject.organization");
pub(crate) const SERIAL_NUMBER: Attribute = Attribute::known("signature.subject.serial_number");
pub(crate) const ISSUER: Attribute = Attribute::known("signature.issuer");
pub(crate) const CHAIN: Attribute = Attribute::known("signature.chain");
pub(crate) const SHA256: Attribute = Attribute::known("signature.sha256");

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
/// 1.3.6.1.4.1.311.2.1.4, SpcIndirectDataContent: the digest of what is signed, not the thing itself.
const INDIRECT_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
/// 1.3.6.1.4.1.311.2.4.1: a whole second signature among the attributes that a signer does not sign.
const NESTED: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 4, 1];
/// 2.5.29.14
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
const SHA_1: &[u8] = &[0x2b, 14, 3, 2, 26];
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SHA_384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];

/// Signatures in one file, the nested ones too: real ones have two or three.
const MOST_SIGNATURES: usize = 16;
/// Real chains have less than ten certificates.
const MOST_CERTIFICATES: usize = 200;

/// What a signature says it signs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Where only a digest is signed (PE, Windows Installer): its algorithm, `sha1`, `sha256`, `sha384`, `sha512` or the
    /// numbers of another, and its bytes.
    pub(crate) digest: Option<(String, Vec<u8>)>,
}

/// Reads the signature that `der` begins with, and adds who signed to `artifact`. Signatures nested in it are read as
/// well, though the digest is that of the outermost; time stamps are not signatures of the program. An error says what could
/// not be read; what could be, is added.
pub(crate) fn describe(der: &[u8], artifact: &mut Artifact) -> Result<Signed, String> {
    let mut nested = VecDeque::new();
    let signed = signed_data(der, artifact, &mut nested)?;
    let mut count = 1;
    while let Some(signature) = nested.pop_front() {
        count += 1;
        if count > MOST_SIGNATURES {
            return Err(format!("more than {MOST_SIGNATURES} signatures in one"));
        }
        signed_data(&signature, artifact, &mut nested)?;
    }
    Ok(signed)
}

/// ContentInfo with SignedData: version, digest algorithms, content, certificates, revocations, signers.
fn signed_data(der: &[u8], artifact: &mut Artifact, nested: &mut VecDeque<Vec<u8>>) -> Result<Signed, String> {
    let (outer, _padding) = ber::first(der)?;
    let mut parts = outer.parts();
    if outer.tag != SEQUENCE || parts.need(OBJECT, "type of content")?.content != SIGNED_DATA {
        return Err("no signed data of CMS".to_owned());
    }
    let data = parts.need(OWN_0, "signed data")?.parts().need(SEQUENCE, "signed data")?;
    let mut parts = data.parts();
    parts.need(INTEGER, "version")?;
    parts.need(SET, "list of digest algorithms")?;
    let content = parts.need(SEQUENCE, "content")?;
    let certificates = parts.optional(OWN_0)?;
    parts.optional(OWN_1)?;
    let signers = parts.need(SET, "list of signers")?;

    let mut known = Vec::new();
    for part in certificates.iter().flat_map(|set| set.parts()) {
        let part = part?;
        // Attribute certificates and those of PKCS #6 lie in the same list under tags of their own.
        if part.tag != SEQUENCE {
            continue;
        }
        if known.len() == MOST_CERTIFICATES {
            return Err(format!("more than {MOST_CERTIFICATES} certificates"));
        }
        known.push(Certificate::read(part)?);
    }
    let mut leaves = vec![false; known.len()];
    let mut problem = None;
    let mut count = 0;
    for signer in signers.parts() {
        count += 1;
        if count > MOST_SIGNATURES {
            return Err(format!("more than {MOST_SIGNATURES} signers"));
        }
        let mut parts = signer?.parts();
        parts.need(INTEGER, "version of a signer")?;
        let who = parts.next().ok_or("a signer without a name")??;
        match known.iter().zip(&mut leaves).find(|(certificate, _)| certificate.belongs_to(who)) {
            Some((certificate, leaf)) => {
                *leaf = true;
                certificate.describe(artifact)?;
            }
            None => problem = Some("the certificate of a signer is not in the signature".to_owned()),
        }
        for part in parts {
            let part = part?;
            if part.tag == OWN_1 {
                nested_in(part, nested)?;
            }
        }
    }
    for (certificate, _) in known.iter().zip(leaves).filter(|(_, leaf)| !leaf) {
        add(artifact, CHAIN, name::text(certificate.subject)?);
    }
    match problem {
        Some(problem) => Err(problem),
        None if count == 0 => Err("a signature without a signer".to_owned()),
        None => Ok(Signed { digest: digest(content)? }),
    }
}

/// The whole signatures among the attributes that a signer did not sign.
fn nested_in(attributes: Element<'_>, nested: &mut VecDeque<Vec<u8>>) -> Result<(), String> {
    for attribute in attributes.parts() {
        let mut parts = attribute?.parts();
        if parts.need(OBJECT, "kind of an attribute")?.content != NESTED {
            continue;
        }
        for signature in parts.need(SET, "value of an attribute")?.parts() {
            nested.push_back(signature?.whole.to_vec());
            if nested.len() > MOST_SIGNATURES {
                return Err(format!("more than {MOST_SIGNATURES} signatures in one"));
            }
        }
    }
    Ok(())
}

/// The digest that is signed in place of the thing, if it is one: content type, then a description and DigestInfo.
fn digest(content: Element<'_>) -> Result<Option<(String, Vec<u8>)>, String> {
    let mut parts = content.parts();
    if parts.need(OBJECT, "type of what is signed")?.content != INDIRECT_DATA {
        return Ok(None);
    }
    let inner = parts.need(OWN_0, "content")?.parts().next().ok_or("a signature of nothing")??;
    // CMS puts the content into an octet string, PKCS #7 does not.
    let bytes = if matches!(inner.tag, OCTETS | PIECES) { inner.octets()? } else { inner.whole.into() };
    let mut parts = ber::first(&bytes)?.0.parts();
    parts.need(SEQUENCE, "description of what is signed")?;
    let mut info = parts.need(SEQUENCE, "digest")?.parts();
    let algorithm = info.need(SEQUENCE, "digest algorithm")?.parts().need(OBJECT, "digest algorithm")?.content;
    let value = info.need(OCTETS, "bytes of the digest")?.content.to_vec();
    let algorithm = match algorithm {
        SHA_1 => "sha1".to_owned(),
        SHA_256 => "sha256".to_owned(),
        SHA_384 => "sha384".to_owned(),
        SHA_512 => "sha512".to_owned(),
        other => name::dotted(other),
    };
    Ok(Some((algorithm, value)))
}

/// What is read of a certificate (RFC 5280).
struct Certificate<'a> {
    whole: &'a [u8],
    serial: &'a [u8],
    issuer: Element<'a>,
    subject: Element<'a>,
    key: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// TBSCertificate: version, serial number, algorithm, issuer, validity, subject, key, then what is optional.
    fn read(certificate: Element<'a>) -> Result<Self, String> {
        let mut parts = certificate.parts().need(SEQUENCE, "content of a certificate")?.parts();
        parts.optional(OWN_0)?;
        let serial = parts.need(INTEGER, "serial number of a certificate")?.content;
        parts.need(SEQUENCE, "algorithm of a certificate")?;
        let issuer = parts.need(SEQUENCE, "issuer of a certificate")?;
        parts.need(SEQUENCE, "validity of a certificate")?;
        let subject = parts.need(SEQUENCE, "subject of a certificate")?;
        // A certificate without a readable extension is still found by its issuer and number.
        let extensions = parts.filter_map(Result::ok).find(|part| part.tag == OWN_3);
        let key = extensions.and_then(key_identifier);
        Ok(Self { whole: certificate.whole, serial, issuer, subject, key })
    }

    /// Is it the one that a signer names, by issuer and serial number or by the identifier of its key?
    fn belongs_to(&self, who: Element<'_>) -> bool {
        if who.tag == OWN_BYTES_0 {
            return self.key == Some(who.content);
        }
        let mut parts = who.parts();
        let (Ok(issuer), Ok(serial)) = (parts.need(SEQUENCE, "issuer"), parts.need(INTEGER, "serial number")) else {
            return false;
        };
        // One name can be written with different kinds of strings.
        let alike = || name::text(issuer).is_ok_and(|one| name::text(self.issuer).is_ok_and(|other| one == other));
        serial.content == self.serial && (issuer.whole == self.issuer.whole || alike())
    }

    /// Adds what it says to `artifact`, as the certificate of who signed.
    fn describe(&self, artifact: &mut Artifact) -> Result<(), String> {
        add(artifact, SUBJECT, name::text(self.subject)?);
        let parts = [
            (COMMON_NAME, name::COMMON_NAME),
            (ORGANIZATION, name::ORGANIZATION),
            (SERIAL_NUMBER, name::SERIAL_NUMBER),
        ];
        for (attribute, kind) in parts {
            for value in name::values(self.subject, kind)? {
                add(artifact, attribute, value);
            }
        }
        add(artifact, ISSUER, name::text(self.issuer)?);
        add(artifact, SHA256, hex(&Sha256::digest(self.whole)));
        Ok(())
    }
}

/// The identifier of the key, from the extensions of a certificate.
fn key_identifier(extensions: Element<'_>) -> Option<&[u8]> {
    let list = extensions.parts().need(SEQUENCE, "list of extensions").ok()?;
    let extension = list.parts().filter_map(Result::ok).find(|extension| {
        extension.parts().need(OBJECT, "kind").is_ok_and(|kind| kind.content == SUBJECT_KEY_IDENTIFIER)
    })?;
    let value = extension.parts().filter_map(Result::ok).find(|part| part.tag == OCTETS)?;
    let (identifier, _) = ber::first(value.content).ok()?;
    (identifier.tag == OCTETS).then_some(identifier.content)
}

/// Adds a value that is not there yet: the signatures of one file are mostly by one signer.
fn add(artifact: &mut Artifact, attribute: Attribute, value: String) {
    if !artifact.values(attribute).any(|known| known == value) {
        artifact.push(attribute, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostrakon_model::{ArtifactKind, Locator};

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, &content].concat()
    }

    fn open(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        [&[tag, 0x80][..], &parts.concat(), &[0, 0]].concat()
    }

    fn person(text: &str) -> Vec<u8> {
        let pair = element(SEQUENCE, &[&element(OBJECT, &[name::COMMON_NAME]), &element(0x0c, &[text.as_bytes()])]);
        element(SEQUENCE, &[&element(SET, &[&pair])])
    }

    fn certificate(subject: &str, key: &[u8]) -> Vec<u8> {
        let identifier = element(OCTETS, &[&element(OCTETS, &[key])]);
        let extension = element(SEQUENCE, &[&element(OBJECT, &[SUBJECT_KEY_IDENTIFIER]), &identifier]);
        let nothing = element(SEQUENCE, &[]);
        let content = element(
            SEQUENCE,
            &[
                &element(OWN_0, &[&element(INTEGER, &[&[2]])]),
                &element(INTEGER, &[&[7]]),
                &nothing,
                &person("Issuer"),
                &nothing,
                &person(subject),
                &nothing,
                &element(OWN_3, &[&element(SEQUENCE, &[&extension])]),
            ],
        );
        element(SEQUENCE, &[&content, &nothing, &element(3, &[&[0]])])
    }

    /// Signed data of the signers named `who`, with lengths left open as macOS leaves them.
    fn signed(content: &[u8], who: &[&[u8]]) -> Vec<u8> {
        let certificates = [certificate("Other", b"other"), certificate("Leaf", b"leaf")].concat();
        let signers: Vec<Vec<u8>> = who
            .iter()
            .map(|who| {
                let nothing = element(SEQUENCE, &[]);
                element(SEQUENCE, &[&element(INTEGER, &[&[3]]), who, &nothing, &nothing, &element(OCTETS, &[&[1]])])
            })
            .collect();
        let data = open(
            SEQUENCE,
            &[
                &element(INTEGER, &[&[1]]),
                &element(SET, &[]),
                content,
                &open(OWN_0, &[&certificates]),
                &element(SET, &[&signers.concat()]),
            ],
        );
        open(SEQUENCE, &[&element(OBJECT, &[SIGNED_DATA]), &open(OWN_0, &[&data])])
    }

    fn read(der: &[u8]) -> (Result<Signed, String>, Artifact) {
        let mut artifact = Artifact::new(ArtifactKind::Executable, Locator(String::new()), "");
        (describe(der, &mut artifact), artifact)
    }

    #[test]
    fn open_lengths_and_signers_by_key_are_read() {
        let digest = element(
            SEQUENCE,
            &[
                &element(SEQUENCE, &[]),
                &element(
                    SEQUENCE,
                    &[&element(SEQUENCE, &[&element(OBJECT, &[SHA_256])]), &element(OCTETS, &[b"digest"])],
                ),
            ],
        );
        // In an octet string of two pieces, as CMS may have it.
        let (one, two) = digest.split_at(5);
        let pieces = open(PIECES, &[&element(OCTETS, &[one]), &element(OCTETS, &[two])]);
        let content = open(SEQUENCE, &[&element(OBJECT, &[INDIRECT_DATA]), &open(OWN_0, &[&pieces])]);
        let mut der = signed(&content, &[&element(OWN_BYTES_0, &[b"leaf"])]);
        der.extend([0; 7]);
        let (outcome, artifact) = read(&der);
        assert_eq!(outcome, Ok(Signed { digest: Some(("sha256".to_owned(), b"digest".to_vec())) }));
        assert_eq!(artifact.values(SUBJECT).collect::<Vec<_>>(), ["CN=Leaf"]);
        assert_eq!(artifact.values(CHAIN).collect::<Vec<_>>(), ["CN=Other"]);
        assert_eq!(artifact.values(ISSUER).collect::<Vec<_>>(), ["CN=Issuer"]);
        for cut in 0..der.len() - 7 {
            assert!(read(&der[..cut]).0.is_err(), "{cut}");
        }
    }

    #[test]
    fn signers_that_are_not_there_are_errors() {
        let content = element(SEQUENCE, &[&element(OBJECT, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]])]);
        assert_eq!(read(&signed(&content, &[&element(OWN_BYTES_0, &[b"leaf"])])).0, Ok(Signed { digest: None }));
        assert!(read(&signed(&content, &[&element(OWN_BYTES_0, &[b"nobody"])])).0.is_err());
        assert!(read(&signed(&content, &[])).0.is_err());
    }
}
