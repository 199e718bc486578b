//! The signature of a package (Authenticode): who signed, and whether the digest is that of what the package holds. Its order
//! is that of Microsoft's own tools, as osslsigncode has found it.

use crate::signature::{self, Signed, hasher_of};
use ostrakon_model::{Artifact, Attribute};
use ostrakon_place::container::Package;
use ostrakon_place::{Fault, File};
use sha2::digest::DynDigest;

pub(super) const STATE: Attribute = Attribute::known("signature.state");

/// Signatures have some ten thousand bytes.
const MOST: u64 = 16 << 20;

/// Adds who signed, and the state of the first signature. The digest takes reading the whole package, which is done if `worth`
/// says so of what is known by then; who else signed is then told only if the digest is this package's.
pub(super) fn describe(
    package: &Package<'_>,
    worth: &dyn Fn(&Artifact) -> bool,
    artifact: &mut Artifact,
) -> Result<(), Fault> {
    let stream = match package.stream("\u{5}DigitalSignature") {
        Ok(Some(stream)) => stream,
        Ok(None) => {
            artifact.push(STATE, "unsigned");
            return Ok(());
        }
        Err(fault) => return unreadable(artifact, fault),
    };
    let mut list = Vec::new();
    let bytes = stream.read_all(MOST);
    let read = bytes.and_then(|bytes| {
        signature::read(&bytes, &mut list).map_err(|problem| Fault::corrupt(format!("its signature: {problem}")))
    });
    let before = artifact.attributes.len();
    list.iter().for_each(|signed| signed.describe(artifact));
    if let Err(fault) = read {
        return unreadable(artifact, fault);
    }
    if !worth(artifact) {
        artifact.push(STATE, "not-checked");
        return Ok(());
    }
    let (agree, outcome) = compare(package, &list);
    let first = agree.first().copied().flatten();
    artifact.attributes.truncate(before);
    for (at, (signed, agrees)) in list.iter().zip(&agree).enumerate() {
        if at == 0 || agrees.unwrap_or(first.is_none()) {
            signed.describe(artifact);
        }
    }
    let state = match first {
        Some(true) => "digest-matches",
        Some(false) => "digest-differs",
        None => "not-checked",
    };
    artifact.push(STATE, state);
    outcome
}

fn unreadable(artifact: &mut Artifact, fault: Fault) -> Result<(), Fault> {
    artifact.push(STATE, "unreadable");
    Err(fault)
}

/// Of each signature whether its digest is that of the package, where that can be said.
fn compare(package: &Package<'_>, list: &[Signed]) -> (Vec<Option<bool>>, Result<(), Fault>) {
    let mut hashers: Vec<_> = list.iter().map(|signed| hasher_of(&signed.digest.as_ref()?.0)).collect();
    let outcome = package.signed(&mut |bytes| hashers.iter_mut().flatten().for_each(|hasher| hasher.update(bytes)));
    let agrees = |(signed, hasher): (&Signed, Option<Box<dyn DynDigest>>)| {
        let (_, expected) = signed.digest.as_ref()?;
        Some(*hasher?.finalize() == **expected)
    };
    match outcome {
        Ok(()) => (list.iter().zip(hashers).map(agrees).collect(), Ok(())),
        Err(fault) => (vec![None; list.len()], Err(fault)),
    }
}
