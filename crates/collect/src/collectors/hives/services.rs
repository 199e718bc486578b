//! Services and drivers, as the control set has them that the machine last started with.

use super::{ALTITUDE, CHANNEL, DRIVER, Found, KEY, KEY_NAME, PROVIDER, SERVICE, SERVICE_TITLE};
use crate::hive::{Broken, Hive, Key, Value};
use ostrakon_model::{ArtifactKind, Presence};

/// Types of drivers: of the kernel, of a file system, and what only tells one from another.
const DRIVERS: u64 = 0xf;

/// Reads the hive SYSTEM from its root.
pub(super) fn read(root: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let current = match root.key("Select")? {
        Some(select) => select.value("Current")?.as_ref().and_then(Value::number),
        None => None,
    };
    let set = format!("ControlSet{:03}", current.unwrap_or(1));
    let Some(services) = root.key(&format!("{set}\\Services"))? else { return Ok(()) };
    for key in services.keys()? {
        let name = key.name();
        let path = format!("{set}\\Services\\{name}");
        let registered = format!("HKLM\\SYSTEM\\CurrentControlSet\\Services\\{name}");
        let told = found.artifact(ArtifactKind::RegistryKey, &path).with(KEY, registered).with(KEY_NAME, name.as_str());
        found.out.add(told);
        // Many keys here only hold settings.
        let Some(kind) = key.value("Type")?.as_ref().and_then(Value::number) else { continue };
        if kind & DRIVERS == 0 {
            let mut service = found.artifact(ArtifactKind::Service, &path).with(SERVICE, name);
            // Those that begin with @ name a text in some library.
            let title = key.value("DisplayName")?.as_ref().and_then(Value::text);
            if let Some(title) = title.filter(|title| !title.is_empty() && !title.starts_with('@')) {
                service.push(SERVICE_TITLE, title);
            }
            found.out.add(service);
        } else {
            let mut driver = found.artifact(ArtifactKind::Driver, &path).with(DRIVER, name);
            for altitude in altitudes(key)? {
                driver.push(ALTITUDE, altitude);
            }
            found.out.add(driver);
        }
    }
    event_logs(services, &set, found)
}

/// Tells the services and drivers that were deleted and are still in the hive.
pub(super) fn deleted(hive: &Hive, found: &mut Found<'_, '_>) {
    for gone in hive.deleted() {
        let Some((_, name)) = gone.path.rsplit_once("\\Services\\").filter(|(_, name)| !name.contains('\\')) else {
            continue;
        };
        let kind = gone.key.value("Type").ok().flatten().as_ref().and_then(Value::number);
        let (kind, attribute) = match kind {
            None => continue,
            Some(kind) if kind & DRIVERS == 0 => (ArtifactKind::Service, SERVICE),
            Some(_) => (ArtifactKind::Driver, DRIVER),
        };
        found.out.add(found.artifact(kind, &gone.path).with(attribute, name).proving(Presence::Remnant));
    }
}

/// Tells the devices of drivers of old, which often outlive them, from the control set `set`.
pub(super) fn legacy(control: Key<'_>, set: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(devices) = control.key("Enum\\Root")? else { return Ok(()) };
    for name in devices.keys()?.iter().map(Key::name).filter(|name| name.starts_with("LEGACY_")) {
        let registered = format!("HKLM\\SYSTEM\\CurrentControlSet\\Enum\\Root\\{name}");
        let device = found.artifact(ArtifactKind::RegistryKey, &format!("{set}\\Enum\\Root\\{name}"));
        found.out.add(device.with(KEY, registered).with(KEY_NAME, name));
    }
    Ok(())
}

/// The classic event logs and who writes to them: both outlive what registered them.
fn event_logs(services: Key<'_>, set: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(logs) = services.key("EventLog")? else { return Ok(()) };
    for log in logs.keys()? {
        let path = format!("{set}\\Services\\EventLog\\{}", log.name());
        let channel = found.artifact(ArtifactKind::RegistryKey, &path).with(CHANNEL, log.name());
        found.out.add(channel.proving(Presence::Remnant));
        for provider in log.keys()? {
            let artifact = found.artifact(ArtifactKind::RegistryKey, &format!("{path}\\{}", provider.name()));
            found.out.add(artifact.with(PROVIDER, provider.name()).proving(Presence::Remnant));
        }
    }
    Ok(())
}

/// Where a file system filter stands among the others, by Microsoft's list: a number that is assigned to its vendor. Since
/// Windows 11 the instances can lie below `Parameters` as well.
fn altitudes(driver: Key<'_>) -> Result<Vec<String>, Broken> {
    let mut altitudes = Vec::new();
    for path in ["Instances", "Parameters\\Instances"] {
        let Some(instances) = driver.key(path)? else { continue };
        for instance in instances.keys()? {
            altitudes.extend(instance.value("Altitude")?.as_ref().and_then(Value::text));
        }
    }
    altitudes.dedup();
    Ok(altitudes)
}
