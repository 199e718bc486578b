//! The signature in a PE file (Authenticode): the certificates behind its sections, and whether the digest they sign is
//! that of the file. Format: Microsoft, "Windows Authenticode Portable Executable Signature Format".

use super::image::Image;
use crate::reading::{le16, le32};
use crate::signature::{self, Signed};
use ostrakon_model::{Artifact, Attribute, GapReason};
use ostrakon_place::Fault;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::ops::Range;

pub(super) const STATE: Attribute = Attribute::known("signature.state");

/// Nobody has compared the digest.
const NOT_CHECKED: &str = "not-checked";

/// Signatures of real programs take some ten thousand bytes; with the digests of every page, some millions.
const LARGEST_SIGNATURE: u32 = 16 << 20;
/// A file with more than one entry is rare.
const MOST_ENTRIES: usize = 16;
/// How much is read at a time for the digest.
const PIECE: usize = 256 << 10;

/// Adds who signed, and the state of the first signature. The digests take reading the whole file, which is done if `worth`
/// says so of what is known by then; who else signed is then told only if the digest is this file's: anyone can put a
/// signature of another's beside his own.
pub(super) fn describe(
    image: &Image<'_>,
    worth: &dyn Fn(&Artifact) -> bool,
    artifact: &mut Artifact,
) -> Result<(), Fault> {
    let Some(table) = image.tables.certificates() else {
        artifact.push(STATE, "unsigned");
        return Ok(());
    };
    let mut list = Vec::new();
    let read = entries(image, &table, &mut list);
    let before = artifact.attributes.len();
    list.iter().for_each(|signed| signed.describe(artifact));
    if let Err(fault) = read {
        artifact.push(STATE, "unreadable");
        return Err(fault);
    }
    if !worth(artifact) {
        artifact.push(STATE, NOT_CHECKED);
        return Ok(());
    }
    let (digests, outcome) = digests(image, &table, &list);
    let agrees = |signed: &Signed| {
        let (algorithm, expected) = signed.digest.as_ref()?;
        digests.iter().find(|(known, _)| *known == algorithm).map(|(_, digest)| digest == expected)
    };
    let state = match list.first().and_then(agrees) {
        Some(true) => "digest-matches",
        Some(false) => "digest-differs",
        None => NOT_CHECKED,
    };
    artifact.attributes.truncate(before);
    for (at, signed) in list.iter().enumerate() {
        if at == 0 || agrees(signed).unwrap_or(state == NOT_CHECKED) {
            signed.describe(artifact);
        }
    }
    artifact.push(STATE, state);
    outcome
}

/// Entries of the table: length, revision, kind, and the signature, filled up to a multiple of eight. Puts the signatures into
/// `list`, each before those nested in it.
fn entries(image: &Image<'_>, table: &Range<u64>, list: &mut Vec<Signed>) -> Result<(), Fault> {
    let mut at = table.start;
    for _ in 0..MOST_ENTRIES {
        if at.saturating_add(8) > table.end {
            break;
        }
        let entry = image.read(at, 8, "its signature")?;
        let (length, kind) = (le32(&entry, 0).unwrap_or_default(), le16(&entry, 6));
        // What fills the table up is 0.
        if length == 0 && !list.is_empty() {
            break;
        }
        let end = at.saturating_add(u64::from(length));
        if length < 8 || end > table.end {
            return Err(Fault::corrupt("a signature that does not fit into its table"));
        }
        if length > LARGEST_SIGNATURE {
            let detail = format!("a signature of more than {} MiB", LARGEST_SIGNATURE >> 20);
            return Err(Fault::new(GapReason::Limit, detail));
        }
        // Kind 2 is signed data of PKCS #7; nothing reads any other.
        if kind == Some(2) {
            let bytes = image.read(at + 8, length as usize - 8, "its signature")?;
            let read = signature::read(&bytes, list);
            read.map_err(|problem| Fault::corrupt(format!("its signature: {problem}")))?;
        }
        at = at.saturating_add((u64::from(length) + 7) & !7);
    }
    if list.is_empty() {
        return Err(Fault::new(GapReason::UnsupportedFormat, "certificates without a signature of a known kind"));
    }
    Ok(())
}

/// An algorithm, and the digest of the file by it.
type Computed<'a> = (&'a str, Vec<u8>);

/// The digests of the file by every known algorithm that the signatures name, and whether all of them could be computed.
fn digests<'a>(image: &Image<'_>, table: &Range<u64>, list: &'a [Signed]) -> (Vec<Computed<'a>>, Result<(), Fault>) {
    let mut digests: Vec<Computed<'a>> = Vec::new();
    for (algorithm, _) in list.iter().filter_map(|signed| signed.digest.as_ref()) {
        if digests.iter().any(|(known, _)| *known == algorithm) {
            continue;
        }
        match digest_of(image, table, algorithm) {
            Ok(Some(digest)) => digests.push((algorithm.as_str(), digest)),
            Ok(None) => {}
            Err(fault) => return (digests, Err(fault)),
        }
    }
    (digests, Ok(()))
}

/// The digest that the signature should have, if the algorithm is known.
fn digest_of(image: &Image<'_>, table: &Range<u64>, algorithm: &str) -> Result<Option<Vec<u8>>, Fault> {
    match algorithm {
        "sha1" => digest::<Sha1>(image, table).map(Some),
        "sha256" => digest::<Sha256>(image, table).map(Some),
        "sha384" => digest::<Sha384>(image, table).map(Some),
        "sha512" => digest::<Sha512>(image, table).map(Some),
        _ => Ok(None),
    }
}

/// The digest of all but what signing changes: the checksum, the entry of the certificates and the certificates.
fn digest<D: Digest>(image: &Image<'_>, table: &Range<u64>) -> Result<Vec<u8>, Fault> {
    let (checksum, entry) = (image.tables.checksum, image.tables.certificates_entry);
    let mut left_out = [checksum..checksum + 4, entry..entry + 8, table.clone()];
    left_out.sort_by_key(|range| range.start);
    let mut hash = D::new();
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    for range in left_out {
        feed(image, at..range.start.min(image.size), &mut buffer, &mut hash)?;
        at = at.max(range.end);
    }
    // A program is filled up to a multiple of eight before it is signed; where its signer did not do so, it counted as
    // done.
    if !table.start.is_multiple_of(8) {
        let missing = usize::try_from(8 - table.start % 8).unwrap_or_default();
        hash.update(&[0_u8; 8][..missing]);
    }
    feed(image, at..image.size, &mut buffer, &mut hash)?;
    Ok(hash.finalize().to_vec())
}

/// Gives a part of the file to the digest, piece by piece.
fn feed<D: Digest>(image: &Image<'_>, part: Range<u64>, buffer: &mut [u8], hash: &mut D) -> Result<(), Fault> {
    let mut at = part.start;
    while at < part.end {
        let want = usize::try_from(part.end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = image.file.read_at(at, &mut buffer[..want])?;
        if read == 0 {
            return Err(Fault::new(GapReason::Changed, "it ends before its size said"));
        }
        hash.update(&buffer[..read]);
        at += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tables::Tables;
    use super::*;
    use crate::reading::hex;
    use crate::sections::Bytes;
    use ostrakon_model::{ArtifactKind, Locator};
    use ostrakon_place::File as _;

    const SHA_256: &[u8] =
        include_bytes!("../../../fixtures/pe/real/Program Files (x86)/Kaspersky Lab/KES.12.3.0/avp.exe");
    const CHANGED: &[u8] = include_bytes!("../../../fixtures/pe/real/Users/ada/Desktop/avp-changed.exe");
    const SHA_1: &[u8] =
        include_bytes!("../../../fixtures/pe/real/Program Files (x86)/Kaspersky Lab/Kaspersky Anti-Virus 6.0/kav.exe");
    const NESTED: &[u8] =
        include_bytes!("../../../fixtures/pe/real/Program Files (x86)/Kaspersky Lab/KES.12.3.0/ksn_facade.dll");

    fn with<T>(bytes: &[u8], ask: impl FnOnce(&Image<'_>) -> T) -> T {
        let file = Bytes(bytes);
        let read = |at: u64, buffer: &mut [u8]| file.read_at(at, buffer);
        let tables = Tables::read(bytes, bytes.len() as u64, &read).unwrap().unwrap();
        ask(&Image::new(&file, bytes.len() as u64, tables))
    }

    fn state(bytes: &[u8], worth: bool) -> (Result<(), Fault>, Artifact) {
        let mut artifact = Artifact::new(ArtifactKind::Executable, Locator(String::new()), "");
        let outcome = with(bytes, |image| describe(image, &|_| worth, &mut artifact));
        (outcome, artifact)
    }

    fn values(artifact: &Artifact, attribute: Attribute) -> Vec<&str> {
        artifact.values(attribute).collect()
    }

    #[test]
    fn digests_are_those_that_osslsigncode_computes() {
        let digest = |bytes, algorithm| {
            with(bytes, |image| {
                let table = image.tables.certificates().unwrap();
                hex(&digest_of(image, &table, algorithm).unwrap().unwrap())
            })
        };
        assert_eq!(digest(SHA_256, "sha256"), "4b50451bdccda3da41760f8d2ff5ce97ca0fcff356d4038c97b3cae6a6670205");
        assert_eq!(digest(CHANGED, "sha256"), "90645a8533a959d6449f8472e2b02828838e799f4a570ec9a7985449f26b9bfa");
        assert_eq!(digest(SHA_1, "sha1"), "8c7a8cb70ae18c9a830a119ceab6d992f6fbb47a");
        assert_eq!(digest(NESTED, "sha1"), "731fc4a27b7044097ee586c235756868eab2b3df");
        assert_eq!(digest(NESTED, "sha256"), "2b9e02cbd7177ac9ce8d728434b61bd5a1a1c7537a9d8c3fffe63ba82c34a058");
    }

    #[test]
    fn the_state_says_what_was_compared() {
        for (bytes, worth, wanted) in [
            (SHA_256, true, "digest-matches"),
            (SHA_256, false, "not-checked"),
            (CHANGED, true, "digest-differs"),
            (SHA_1, true, "digest-matches"),
            (NESTED, true, "digest-matches"),
        ] {
            let (outcome, artifact) = state(bytes, worth);
            assert_eq!(outcome, Ok(()));
            assert_eq!(values(&artifact, STATE), [wanted]);
        }
        let cut = &SHA_256[..SHA_256.len() - 64];
        let (outcome, artifact) = state(cut, true);
        assert_eq!(outcome.unwrap_err().reason, GapReason::Truncated);
        assert_eq!(values(&artifact, STATE), ["unreadable"]);
    }

    #[test]
    fn a_nested_signature_of_another_file_names_nobody() {
        let nested = with(NESTED, |image| {
            let table = image.tables.certificates().unwrap();
            digest_of(image, &table, "sha256").unwrap().unwrap()
        });
        let mut pasted = NESTED.to_vec();
        let at = pasted.windows(nested.len()).position(|bytes| bytes == nested).unwrap();
        pasted[at] ^= 1;
        let (outcome, artifact) = state(&pasted, true);
        assert_eq!(outcome, Ok(()));
        assert_eq!(values(&artifact, STATE), ["digest-matches"]);
        assert_eq!(values(&artifact, signature::ORGANIZATION), ["АО «Лаборатория Касперского»"]);
        assert_eq!(values(&artifact, signature::SERIAL_NUMBER), [""; 0]);
        // Where nothing is computed, nothing is known to be wrong.
        let (_, artifact) = state(&pasted, false);
        assert_eq!(values(&artifact, STATE), ["not-checked"]);
        assert_eq!(values(&artifact, signature::ORGANIZATION).len(), 2);
        let (_, artifact) = state(NESTED, true);
        assert_eq!(values(&artifact, signature::ORGANIZATION).len(), 2);
    }

    #[test]
    fn who_signed_is_read_from_both_signatures() {
        let (_, artifact) = state(NESTED, false);
        let russian = "АО «Лаборатория Касперского»";
        assert_eq!(values(&artifact, signature::ORGANIZATION), [russian, "AO Kaspersky Lab"]);
        assert_eq!(values(&artifact, signature::SERIAL_NUMBER), ["1027739867473"]);
        assert_eq!(
            values(&artifact, signature::SUBJECT),
            [
                "CN=АО «Лаборатория Касперского»,OU=Отдел 1\\+2\\, \\\"К\\\",O=АО «Лаборатория Касперского»,C=RU",
                "CN=AO Kaspersky Lab,O=AO Kaspersky Lab,L=Moscow,C=RU,serialNumber=1027739867473,\
                 1.3.6.1.4.1.311.60.2.1.3=#13025255,businessCategory=Private Organization",
            ]
        );
        let issuer = "CN=Made-up Code Signing Authority,O=Made-up Trust,C=US";
        assert_eq!(values(&artifact, signature::ISSUER), [issuer]);
        assert_eq!(values(&artifact, signature::CHAIN), [issuer]);
        assert_eq!(values(&artifact, signature::SHA256).len(), 2);
    }
}
