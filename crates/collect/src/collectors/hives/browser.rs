//! What the registry tells browsers: extensions that policies and installers ask for, and native hosts.

use super::Found;
use crate::collectors::browser::{CHROME_ID, FIREFOX_ID, NATIVE_HOST, forced, is_chrome_id};
use crate::hive::{Broken, Key, Value};
use ostrakon_model::{ArtifactKind, Attribute, GapReason, Presence, Presences};

/// The policies of each family of browsers, and what an extension of it is called by.
const POLICIES: [(&str, Attribute); 5] = [
    ("Policies\\Google\\Chrome", CHROME_ID),
    ("Policies\\Chromium", CHROME_ID),
    ("Policies\\Microsoft\\Edge", CHROME_ID),
    ("Policies\\BraveSoftware\\Brave", CHROME_ID),
    ("Policies\\Mozilla\\Firefox", FIREFOX_ID),
];

/// Where installers register extensions, by a key each, or in Firefox by a value.
const EXTENSIONS: [&str; 4] = [
    "Google\\Chrome\\Extensions",
    "Chromium\\Extensions",
    "Microsoft\\Edge\\Extensions",
    "BraveSoftware\\Brave-Browser\\Extensions",
];
const ADD_ONS: &str = "Mozilla\\Firefox\\Extensions";

const HOSTS: [&str; 5] = [
    "Google\\Chrome\\NativeMessagingHosts",
    "Chromium\\NativeMessagingHosts",
    "Microsoft\\Edge\\NativeMessagingHosts",
    "BraveSoftware\\Brave-Browser\\NativeMessagingHosts",
    "Mozilla\\NativeMessagingHosts",
];

/// Reads the keys of browsers below `software`, whose path in the hive is `view`.
pub(super) fn read(software: Key<'_>, view: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for (path, attribute) in POLICIES {
        if let Some(policy) = software.key(path)? {
            policies(policy, &format!("{view}{path}"), attribute, found)?;
        }
    }
    for path in EXTENSIONS {
        let Some(list) = software.key(path)? else { continue };
        for id in list.keys()?.iter().map(Key::name) {
            asked(CHROME_ID, &id, &format!("{view}{path}\\{id}"), found);
        }
    }
    if let Some(list) = software.key(ADD_ONS)? {
        for value in list.values()? {
            asked(FIREFOX_ID, &value.name, &format!("{view}{ADD_ONS}"), found);
        }
    }
    for path in HOSTS {
        let Some(hosts) = software.key(path)? else { continue };
        for host in hosts.keys()? {
            let name = host.name();
            let path = format!("{view}{path}\\{name}");
            found.out.add(found.artifact(ArtifactKind::Extension, &path).with(NATIVE_HOST, name));
            // Where the host's own description is to lie: in a folder of its maker.
            let about = host.value("").ok().flatten().as_ref().and_then(Value::text);
            if let Some(about) = about.filter(|about| !about.is_empty()) {
                found.tell(found.trace(&path, "native-host", &about));
            }
        }
    }
    Ok(())
}

/// The extensions that the policy of one browser installs.
fn policies(policy: Key<'_>, path: &str, attribute: Attribute, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    const LIST: &str = "ExtensionInstallForcelist";
    const SETTINGS: &str = "ExtensionSettings";
    if let Some(list) = policy.key(LIST)? {
        for value in list.values()? {
            // Behind the id stands where it is fetched.
            let text = value.text().unwrap_or_default();
            asked(attribute, text.split(';').next().unwrap_or_default(), &format!("{path}\\{LIST}"), found);
        }
    }
    if let Some(settings) = policy.value(SETTINGS)?.as_ref().and_then(Value::lines) {
        let settings = settings.trim_matches(['\n', ' ']);
        match serde_json::from_str(if settings.is_empty() { "{}" } else { settings }) {
            Ok(settings) => forced(&settings).for_each(|id| asked(attribute, id, path, found)),
            Err(error) => {
                let hides = Presences::of(&[Presence::Declared]);
                let why = format!("its {SETTINGS} is no JSON: {error}");
                found.out.gap(found.locator(path), GapReason::Corrupt, hides, why);
            }
        }
    }
    let Some(settings) = policy.key(SETTINGS)? else { return Ok(()) };
    for key in settings.keys()? {
        let mode = key.value("installation_mode").ok().flatten().as_ref().and_then(Value::text).unwrap_or_default();
        if ["force_installed", "normal_installed"].contains(&mode.as_str()) {
            asked(attribute, &key.name(), &format!("{path}\\{SETTINGS}\\{}", key.name()), found);
        }
    }
    Ok(())
}

/// Tells an extension that is asked for: whether it is there, the profiles of the users say.
fn asked(attribute: Attribute, id: &str, path: &str, found: &mut Found<'_, '_>) {
    if attribute != CHROME_ID || is_chrome_id(id) {
        let extension = found.artifact(ArtifactKind::Extension, path).with(attribute, id);
        found.tell(extension.proving(Presence::Declared));
    }
}
