//! What else the machine and its users keep: who told Windows Security that it protects the machine, and certificates that
//! are trusted.

use super::{Found, SECURITY_CENTER, TASK};
use crate::collectors::certs;
use crate::hive::{Broken, Key, Value};
use crate::reading::le32;
use ostrakon_model::{ArtifactKind, GapReason};

/// Programs that registered as protection. Entries are known to outlive what made them.
pub(super) fn security_center(software: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    const PROVIDERS: &str = "Microsoft\\Security Center\\Provider";
    let Some(providers) = software.key(PROVIDERS)? else { return Ok(()) };
    for kind in providers.keys()? {
        for program in kind.keys()? {
            let path = format!("{PROVIDERS}\\{}\\{}", kind.name(), program.name());
            if let Some(name) = program.value("DISPLAYNAME")?.as_ref().and_then(Value::text) {
                found.out.add(found.artifact(ArtifactKind::RegistryKey, &path).with(SECURITY_CENTER, name));
            }
        }
    }
    Ok(())
}

/// Tasks, as the scheduler knows them: each that is one has an `Id`, the others are folders.
pub(super) fn tasks(software: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    const TREE: &str = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree";
    let mut waiting = match software.key(TREE)? {
        Some(tree) => vec![(tree, String::new())],
        None => return Ok(()),
    };
    while let Some((folder, path)) = waiting.pop() {
        for key in folder.keys()? {
            let path = format!("{path}\\{}", key.name());
            if key.value("Id")?.is_some() {
                let task = found.artifact(ArtifactKind::Service, &format!("{TREE}{path}"));
                found.out.add(task.with(TASK, key.name()));
            }
            if path.matches('\\').count() < DEEPEST_TASK {
                waiting.push((key, path));
            }
        }
    }
    Ok(())
}

/// How deep folders of tasks are followed.
const DEEPEST_TASK: usize = 16;

const STORES: &str = "Microsoft\\SystemCertificates";

/// Certificates in the stores below the key `software`, whose path in the hive is `view`.
pub(super) fn certificates(software: Key<'_>, view: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for (store, title) in
        [("ROOT", "Windows root"), ("CA", "Windows intermediate"), ("AuthRoot", "Windows third-party root")]
    {
        let Some(list) = software.key(&format!("{STORES}\\{store}\\Certificates"))? else { continue };
        for key in list.keys()? {
            let Some(blob) = key.value("Blob")? else { continue };
            let locator = found
                .artifact(ArtifactKind::Certificate, &format!("{view}{STORES}\\{store}\\Certificates\\{}", key.name()))
                .locator;
            let read = content(&blob.data).ok_or_else(|| "no certificate in its blob".to_owned());
            match read.and_then(|der| certs::certificate(der, locator.clone(), title)) {
                Ok(certificate) => found.out.add(certificate),
                Err(why) => found.out.gap(locator, GapReason::Corrupt, super::META.hides, why),
            }
        }
    }
    Ok(())
}

/// The certificate in a serialised one: a row of properties, each its number, flags, length and bytes; number 32 is the
/// certificate itself ([MS-GPEF] 2.2.1.2.1).
fn content(blob: &[u8]) -> Option<&[u8]> {
    let mut rest = blob;
    while let Some((head, after)) = rest.split_at_checked(12) {
        let (property, after) = after.split_at_checked(usize::try_from(le32(head, 8)?).ok()?)?;
        if le32(head, 0) == Some(32) {
            return Some(property);
        }
        rest = after;
    }
    None
}
