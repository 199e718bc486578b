//! The certificates in a signature (RFC 5280): whose they are, by whom, and which of them is a signer's.

use super::ber::{self, Element, INTEGER, OBJECT, OCTETS, OWN_0, OWN_3, OWN_BYTES_0, SEQUENCE};
use super::{COMMON_NAME, ISSUER, ORGANIZATION, SERIAL_NUMBER, SHA256, SUBJECT, SUBJECT_KEY_IDENTIFIER, name};
use crate::reading::hex;
use ostrakon_model::Attribute;
use sha2::{Digest, Sha256};

/// What is read of a certificate.
pub(super) struct Certificate<'a> {
    whole: &'a [u8],
    serial: &'a [u8],
    issuer: Element<'a>,
    /// Whose it is.
    pub(super) subject: Element<'a>,
    key: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// TBSCertificate: version, serial number, algorithm, issuer, validity, subject, key, then what is optional.
    pub(super) fn read(certificate: Element<'a>) -> Result<Self, String> {
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
    pub(super) fn belongs_to(&self, who: Element<'_>) -> bool {
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

    /// Adds what it says to `list`, as the certificate of who signed.
    pub(super) fn describe(&self, list: &mut Vec<(Attribute, String)>) -> Result<(), String> {
        list.push((SUBJECT, name::text(self.subject)?));
        let parts = [
            (COMMON_NAME, name::COMMON_NAME),
            (ORGANIZATION, name::ORGANIZATION),
            (SERIAL_NUMBER, name::SERIAL_NUMBER),
        ];
        for (attribute, kind) in parts {
            list.extend(name::values(self.subject, kind)?.into_iter().map(|value| (attribute, value)));
        }
        list.push((ISSUER, name::text(self.issuer)?));
        list.push((SHA256, hex(&Sha256::digest(self.whole))));
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
