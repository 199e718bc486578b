//! Who signed a program: code signatures as signed data of CMS (RFC 5652; PKCS #7 before it), which PE, Windows Installer
//! and Mach-O files carry. Certificates and digests are read; no key is asked: neither the signature nor the chain is verified.

mod ber;
mod certificate;
mod name;

use ber::{Element, INTEGER, OBJECT, OCTETS, OWN_0, OWN_1, PIECES, SEQUENCE, SET};
use certificate::Certificate;
use ostrakon_model::{Artifact, Attribute};
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Digest, Sha256, Sha384, Sha512};
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
/// 1.2.840.113549.1.9.4: among what a signer signs, the digest of the thing that is signed.
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
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

/// One signature: what it says it signs, and by whom.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Where only a digest is signed (PE, Windows Installer): its algorithm, `sha1`, `sha256`, `sha384`, `sha512` or the
    /// numbers of another, and its bytes.
    pub(crate) digest: Option<(String, Vec<u8>)>,
    /// From each signer the digest of what is signed, as above; none where only the key could tell.
    pub(crate) messages: Vec<Option<(String, Vec<u8>)>>,
    /// Who signed.
    pub(crate) signers: Vec<Signer>,
    /// What its certificates say.
    said: Vec<(Attribute, String)>,
}

/// The subject of a certificate that signed, once or more often.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    /// The organisations in it.
    pub(crate) organizations: Vec<String>,
    /// Their units in it.
    pub(crate) units: Vec<String>,
}

impl Signed {
    /// Adds what its certificates say to `artifact`: the signatures of one file are mostly by one signer, so that each value
    /// is added once.
    pub(crate) fn describe(&self, artifact: &mut Artifact) {
        for (attribute, value) in &self.said {
            if !artifact.values(*attribute).any(|known| known == value) {
                artifact.push(*attribute, value);
            }
        }
    }
}

/// Reads the signature that `der` begins with into `found`, and after it the signatures nested in it; time stamps are not
/// signatures of the program. An error says what could not be read; what could be, is in `found`.
pub(crate) fn read(der: &[u8], found: &mut Vec<Signed>) -> Result<(), String> {
    let mut nested = VecDeque::new();
    let mut one = |der: &[u8], nested: &mut VecDeque<Vec<u8>>| {
        let mut signed = Signed::default();
        let outcome = signed_data(der, &mut signed, nested);
        found.push(signed);
        outcome
    };
    one(der, &mut nested)?;
    let mut count = 1;
    while let Some(signature) = nested.pop_front() {
        count += 1;
        if count > MOST_SIGNATURES {
            return Err(format!("more than {MOST_SIGNATURES} signatures in one"));
        }
        one(&signature, &mut nested)?;
    }
    Ok(())
}

/// What computes digests by this algorithm, if it is known.
pub(crate) fn hasher_of(algorithm: &str) -> Option<Box<dyn DynDigest>> {
    match algorithm {
        "sha1" => Some(Box::new(Sha1::new())),
        "sha256" => Some(Box::new(Sha256::new())),
        "sha384" => Some(Box::new(Sha384::new())),
        "sha512" => Some(Box::new(Sha512::new())),
        _ => None,
    }
}

/// The digest of `bytes`, if the algorithm is known.
pub(crate) fn digest_by(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut hasher = hasher_of(algorithm)?;
    hasher.update(bytes);
    Some(hasher.finalize().into_vec())
}

/// ContentInfo with SignedData: version, digest algorithms, content, certificates, revocations, signers.
fn signed_data(der: &[u8], signed: &mut Signed, nested: &mut VecDeque<Vec<u8>>) -> Result<(), String> {
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
    for part in signers.parts() {
        if signed.messages.len() == MOST_SIGNATURES {
            return Err(format!("more than {MOST_SIGNATURES} signers"));
        }
        let mut parts = part?.parts();
        parts.need(INTEGER, "version of a signer")?;
        let who = parts.next().ok_or("a signer without a name")??;
        match known.iter().zip(&mut leaves).find(|(certificate, _)| certificate.belongs_to(who)) {
            Some((_, leaf)) if *leaf => {}
            Some((certificate, leaf)) => {
                *leaf = true;
                certificate.describe(&mut signed.said)?;
                let organizations = name::values(certificate.subject, name::ORGANIZATION)?;
                let units = name::values(certificate.subject, name::ORGANIZATIONAL_UNIT)?;
                signed.signers.push(Signer { organizations, units });
            }
            None => problem = Some("the certificate of a signer is not in the signature".to_owned()),
        }
        let kind = parts.need(SEQUENCE, "digest algorithm of a signer")?;
        signed.messages.push(match parts.optional(OWN_0)? {
            Some(attributes) => message_digest(kind, attributes)?,
            None => None,
        });
        for part in parts {
            let part = part?;
            if part.tag == OWN_1 {
                nested_in(part, nested)?;
            }
        }
    }
    for (certificate, _) in known.iter().zip(leaves).filter(|(_, leaf)| !leaf) {
        signed.said.push((CHAIN, name::text(certificate.subject)?));
    }
    match problem {
        Some(problem) => Err(problem),
        None if signed.messages.is_empty() => Err("a signature without a signer".to_owned()),
        None => {
            signed.digest = digest(content)?;
            Ok(())
        }
    }
}

/// The digest of what is signed, from the attributes that a signer signed; `kind` is its algorithm.
fn message_digest(kind: Element<'_>, attributes: Element<'_>) -> Result<Option<(String, Vec<u8>)>, String> {
    for attribute in attributes.parts() {
        let mut parts = attribute?.parts();
        if parts.need(OBJECT, "kind of an attribute")?.content != MESSAGE_DIGEST {
            continue;
        }
        let value = parts.need(SET, "value of an attribute")?.parts().need(OCTETS, "bytes of the digest")?;
        let kind = kind.parts().need(OBJECT, "digest algorithm of a signer")?.content;
        return Ok(Some((algorithm(kind), value.content.to_vec())));
    }
    Ok(None)
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
    let kind = info.need(SEQUENCE, "digest algorithm")?.parts().need(OBJECT, "digest algorithm")?.content;
    let value = info.need(OCTETS, "bytes of the digest")?.content.to_vec();
    Ok(Some((algorithm(kind), value)))
}

/// The name of a digest algorithm, or its numbers.
fn algorithm(kind: &[u8]) -> String {
    match kind {
        SHA_1 => "sha1".to_owned(),
        SHA_256 => "sha256".to_owned(),
        SHA_384 => "sha384".to_owned(),
        SHA_512 => "sha512".to_owned(),
        other => name::dotted(other),
    }
}

#[cfg(test)]
mod tests {
    use super::ber::{OWN_3, OWN_BYTES_0};
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
        let pair = |kind: &[u8], text: &str| {
            let pair = element(SEQUENCE, &[&element(OBJECT, &[kind]), &element(0x0c, &[text.as_bytes()])]);
            element(SET, &[&pair])
        };
        element(SEQUENCE, &[&pair(name::ORGANIZATIONAL_UNIT, "TEAM"), &pair(name::COMMON_NAME, text)])
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
                let kind = element(SEQUENCE, &[&element(OBJECT, &[SHA_256])]);
                let value = element(SET, &[&element(OCTETS, &[b"message"])]);
                let other = element(SEQUENCE, &[&element(OBJECT, &[NESTED]), &element(SET, &[])]);
                let attribute = element(SEQUENCE, &[&element(OBJECT, &[MESSAGE_DIGEST]), &value]);
                let attributes = element(OWN_0, &[&other, &attribute]);
                let version = element(INTEGER, &[&[3]]);
                element(SEQUENCE, &[&version, who, &kind, &attributes, &nothing, &element(OCTETS, &[&[1]])])
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

    /// The signatures in `der`, if it can be read, and what they say.
    fn all(der: &[u8]) -> (Result<Vec<Signed>, String>, Artifact) {
        let mut artifact = Artifact::new(ArtifactKind::Executable, Locator(String::new()), "");
        let mut found = Vec::new();
        let outcome = read(der, &mut found);
        found.iter().for_each(|signed| signed.describe(&mut artifact));
        (outcome.map(|()| found), artifact)
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
        let (outcome, artifact) = all(&der);
        let list = outcome.unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].digest, Some(("sha256".to_owned(), b"digest".to_vec())));
        assert_eq!(list[0].messages, [Some(("sha256".to_owned(), b"message".to_vec()))]);
        assert_eq!(list[0].signers, [Signer { organizations: Vec::new(), units: vec!["TEAM".to_owned()] }]);
        assert_eq!(artifact.values(SUBJECT).collect::<Vec<_>>(), ["CN=Leaf,OU=TEAM"]);
        assert_eq!(artifact.values(CHAIN).collect::<Vec<_>>(), ["CN=Other,OU=TEAM"]);
        assert_eq!(artifact.values(ISSUER).collect::<Vec<_>>(), ["CN=Issuer,OU=TEAM"]);
        for cut in 0..der.len() - 7 {
            assert!(all(&der[..cut]).0.is_err(), "{cut}");
        }
    }

    #[test]
    fn signers_that_are_not_there_are_errors() {
        let content = element(SEQUENCE, &[&element(OBJECT, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]])]);
        let (outcome, _) = all(&signed(&content, &[&element(OWN_BYTES_0, &[b"leaf"])]));
        assert_eq!(outcome.unwrap()[0].digest, None);
        assert!(all(&signed(&content, &[&element(OWN_BYTES_0, &[b"nobody"])])).0.is_err());
        assert!(all(&signed(&content, &[])).0.is_err());
    }
}
