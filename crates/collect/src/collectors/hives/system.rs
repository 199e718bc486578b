//! Which Windows it is, and what it calls its machine.

use super::Found;
use crate::collectors::os_release::{ID, VERSION};
use crate::hive::{Broken, Key, Value};
use ostrakon_model::{Artifact, ArtifactKind, Attribute};

pub(super) const TITLE: Attribute = Attribute::known("os.title");
pub(super) const EDITION: Attribute = Attribute::known("os.edition");
pub(super) const INSTALLED: Attribute = Attribute::known("os.installed");
pub(super) const HOSTNAME: Attribute = Attribute::known("os.hostname");

/// Windows 10 is the first whose version stands in numbers; Windows 11 is the first of these builds, and calls itself 10.
const FIRST_10: u64 = 10_240;
const FIRST_11: u64 = 22_000;

/// Reads version, title and age of the system from the hive SOFTWARE.
pub(super) fn version(software: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(key) = software.key("Microsoft\\Windows NT\\CurrentVersion")? else { return Ok(()) };
    let values = key.values()?;
    let value = |name: &str| values.iter().find(|value| value.name.eq_ignore_ascii_case(name));
    let text = |name: &str| value(name).and_then(Value::text).unwrap_or_default();
    let number = |name: &str| value(name).and_then(Value::number);
    let build = text("CurrentBuild");
    let build = if build.is_empty() { text("CurrentBuildNumber") } else { build };
    let count: u64 = build.parse().unwrap_or_default();
    let first = match (number("CurrentMajorVersionNumber"), number("CurrentMinorVersionNumber")) {
        (Some(major), Some(minor)) => format!("{major}.{minor}"),
        _ if count >= FIRST_10 => "10.0".to_owned(),
        _ => text("CurrentVersion"),
    };
    let parts = [first, build, number("UBR").map(|number| number.to_string()).unwrap_or_default()];
    let version: Vec<&str> = parts.iter().map(String::as_str).take_while(|part| !part.is_empty()).collect();
    let mut title = text("ProductName");
    if count >= FIRST_11 {
        title = title.replacen("Windows 10", "Windows 11", 1);
    }
    let release = text("DisplayVersion");
    let release = if release.is_empty() { text("ReleaseId") } else { release };
    let installed = number("InstallDate").and_then(|seconds| i64::try_from(seconds).ok());
    let installed = installed.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    found.out.add(
        system(found)
            .with(VERSION, version.join("."))
            .with(TITLE, format!("{title} {release}").trim())
            .with(EDITION, text("EditionID"))
            .with(INSTALLED, installed.map(|time| time.to_string()).unwrap_or_default()),
    );
    Ok(())
}

/// Reads the name of the machine from the control set `set` of the hive SYSTEM.
pub(super) fn hostname(control: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(key) = control.key("Control\\ComputerName\\ComputerName")? else { return Ok(()) };
    if let Some(name) = key.value("ComputerName")?.as_ref().and_then(Value::text) {
        found.out.add(system(found).with(HOSTNAME, name));
    }
    Ok(())
}

/// The system whose hive this is. It is found at its hive: what lies beside that is its own.
fn system(found: &Found<'_, '_>) -> Artifact {
    Artifact::new(ArtifactKind::System, found.seen.locator(), "").with(ID, "windows")
}
