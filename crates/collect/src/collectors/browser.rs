//! Browser extensions of all users: Chromium-family and Firefox profiles, extensions a policy installs, and the native
//! hosts extensions talk to.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::last_part;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde_json::Value;

pub(crate) struct Browser;

pub(super) const CHROME_ID: Attribute = Attribute::known("chrome.extension_id");
const CHROME_NAME: Attribute = Attribute::known("chrome.extension_name");
pub(super) const FIREFOX_ID: Attribute = Attribute::known("firefox.addon_id");
const FIREFOX_NAME: Attribute = Attribute::known("firefox.addon_name");
pub(super) const NATIVE_HOST: Attribute = Attribute::known("browser.native_messaging_host");

static META: Meta = Meta {
    id: "browser",
    what: "Extensions in Chromium-family and Firefox profiles of all users, those that policies install, native messaging hosts.",
    cannot_see: "Profiles synchronised and not on this machine; profiles inside encrypted homes; other browsers.",
    attributes: &[CHROME_ID, CHROME_NAME, FIREFOX_ID, FIREFOX_NAME, NATIVE_HOST],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Browser {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Name("manifest.json"),
            Interest::Name("Preferences"),
            Interest::Name("Secure Preferences"),
            Interest::Name("extensions.json"),
            Interest::Name("policies.json"),
            Interest::Ending(".json"),
        ]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        let words = [&b"/Extensions/"[..], b"Preferences", b"irefox", b"ozilla", b"essaging", b"/policies/"];
        words.iter().any(|word| memchr::memmem::find(path, word).is_some())
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let Some(read) = reader(seen) else { return Ok(Examined::NotMine) };
        let bytes = seen.whole(64 << 20)?;
        if bytes.is_empty() {
            return Ok(Examined::Whole);
        }
        match serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)) {
            Ok(json) => {
                read(seen, &json, out);
                Ok(Examined::Whole)
            }
            Err(error) => {
                // The folder names the extension: a broken manifest hides only its title.
                if seen.name() == b"manifest.json" {
                    read(seen, &Value::Null, out);
                }
                Err(Fault::corrupt(error.to_string()))
            }
        }
    }
}

type Reader = fn(&Seen<'_>, &Value, &mut Out);

/// What kind of file it is, by where it lies.
fn reader(seen: &Seen<'_>) -> Option<Reader> {
    let folder = &seen.folder()[..seen.folder().len() - 1];
    let above = last_part(folder);
    match seen.name() {
        b"manifest.json" => extension_folder(folder).map(|_| chrome_manifest as Reader),
        // The profile's settings; other programs have files of that name.
        b"Preferences" | b"Secure Preferences" => {
            let start = seen.head.iter().find(|byte| !byte.is_ascii_whitespace());
            (start == Some(&b'{')).then_some(chrome_preferences as Reader)
        }
        b"extensions.json" => contains(folder, b"firefox").then_some(firefox_profile as Reader),
        b"policies.json" => contains(folder, b"firefox").then_some(firefox_policy as Reader),
        _ if matches!(above, b"native-messaging-hosts" | b"NativeMessagingHosts") => Some(native_host as Reader),
        _ if folder.ends_with(b"/policies/managed") || folder.ends_with(b"/policies/recommended") => {
            Some(chrome_policy as Reader)
        }
        _ => None,
    }
}

fn contains(path: &[u8], word: &[u8]) -> bool {
    path.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
        || path.windows(8).any(|window| window.eq_ignore_ascii_case(b"/mozilla"))
}

pub(super) fn is_chrome_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|letter| (b'a'..=b'p').contains(&letter))
}

/// The id in `.../Extensions/ID/VERSION`.
fn extension_folder(folder: &[u8]) -> Option<&str> {
    let mut parts = folder.rsplit(|byte| *byte == b'/').skip(1);
    let id = std::str::from_utf8(parts.next()?).ok()?;
    (is_chrome_id(id) && parts.next() == Some(b"Extensions")).then_some(id)
}

fn extension(seen: &Seen<'_>, id_of: Attribute, id: &str, name_of: Attribute, name: Option<&str>) -> Artifact {
    seen.artifact(ArtifactKind::Extension).with(id_of, id).with(name_of, name.unwrap_or_default())
}

fn chrome_manifest(seen: &Seen<'_>, json: &Value, out: &mut Out) {
    let folder = &seen.folder()[..seen.folder().len() - 1];
    if let Some(id) = extension_folder(folder) {
        out.add(extension(seen, CHROME_ID, id, CHROME_NAME, json["name"].as_str()));
    }
}

fn chrome_preferences(seen: &Seen<'_>, json: &Value, out: &mut Out) {
    let Some(settings) = json["extensions"]["settings"].as_object() else { return };
    for (id, setting) in settings.iter().filter(|(id, _)| is_chrome_id(id)) {
        // The browser's own parts (location 5 and 10) are in every profile.
        if !matches!(setting["location"].as_u64(), Some(5 | 10)) {
            out.add(extension(seen, CHROME_ID, id, CHROME_NAME, setting["manifest"]["name"].as_str()));
        }
    }
}

fn chrome_policy(seen: &Seen<'_>, json: &Value, out: &mut Out) {
    let listed = json["ExtensionInstallForcelist"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let listed = listed.map(|entry| entry.split(';').next().unwrap_or_default());
    for id in listed.chain(forced(&json["ExtensionSettings"])) {
        if is_chrome_id(id) {
            let asked = extension(seen, CHROME_ID, id, CHROME_NAME, None);
            out.add(asked.proving(Presence::Declared));
        }
    }
}

/// The extensions that a policy's settings install.
pub(super) fn forced(settings: &Value) -> impl Iterator<Item = &str> {
    let settings = settings.as_object().into_iter().flatten().filter(|(id, setting)| {
        *id != "*" && matches!(setting["installation_mode"].as_str(), Some("force_installed" | "normal_installed"))
    });
    settings.map(|(id, _)| id.as_str())
}

fn firefox_profile(seen: &Seen<'_>, json: &Value, out: &mut Out) {
    for addon in json["addons"].as_array().into_iter().flatten() {
        // The browser's own parts are in every profile.
        let own = addon["location"].as_str().is_some_and(|location| location.starts_with("app-builtin"));
        if let Some(id) = addon["id"].as_str().filter(|_| !own) {
            out.add(extension(seen, FIREFOX_ID, id, FIREFOX_NAME, addon["defaultLocale"]["name"].as_str()));
        }
    }
}

fn firefox_policy(seen: &Seen<'_>, json: &Value, out: &mut Out) {
    for id in forced(&json["policies"]["ExtensionSettings"]) {
        out.add(extension(seen, FIREFOX_ID, id, FIREFOX_NAME, None).proving(Presence::Declared));
    }
}

fn native_host(seen: &Seen<'_>, json: &Value, out: &mut Out) {
    if let Some(name) = json["name"].as_str() {
        out.add(seen.artifact(ArtifactKind::Extension).with(NATIVE_HOST, name));
    }
}
