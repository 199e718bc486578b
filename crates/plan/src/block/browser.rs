//! Extensions and sites refused by browsers, through the policies an administrator sets.

use crate::block::dns;
use crate::block::names::Names;
use crate::block::select::{Input, Left, USED, values};
use crate::block::text::{Comment, Draft};
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;
use serde_json::Value;
use std::collections::BTreeSet;

const CHROME: Attribute = Attribute::known("chrome.extension_id");
const FIREFOX: Attribute = Attribute::known("firefox.addon_id");

/// Policies of Chrome, Chromium, Edge and their kin.
pub(super) fn chrome(input: Input<'_>, left: &mut Left) -> Draft {
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
    let extensions = extensions(input, CHROME, is_id, left);
    let names = Names::of(input, left);
    // A dot before a host leaves out what lies below it.
    let sites = names.zones.iter().cloned().chain(names.single.iter().map(|name| format!(".{name}")));
    let sites: Value = sites.collect();
    let message = format!("Refused under the order {}.", input.order.id);
    let settings: Value = extensions
        .iter()
        .map(|id| {
            let mode = [("installation_mode", "removed"), ("blocked_install_message", message.as_str())];
            (id.clone(), mode.into_iter().collect::<Value>())
        })
        .collect();
    let policies: Value = [("ExtensionSettings", settings), ("URLBlocklist", sites)].into_iter().collect();
    let file = format!("ostrakon-{}.json", input.slug('-'));
    let mut breaks = breaks(input, &names);
    breaks.push(
        "Policies from several files do not add up: where ExtensionSettings or URLBlocklist is set already, put \
         these entries into that policy. On Windows and macOS the same policies are set by Group Policy or a profile."
            .to_owned(),
    );
    Draft {
        comment: Comment::None,
        before: "",
        body: format!("{policies:#}\n"),
        count: extensions.len() + names.zones.len() + names.single.len(),
        breaks,
        allow: "Sites that must stay open go into the policy URLAllowlist, which goes before URLBlocklist; nothing \
                is allowed here that was not."
            .to_owned(),
        install: format!(
            "python3 -m json.tool FILE\n\
             Chrome:   cp FILE /etc/opt/chrome/policies/managed/{file}\n\
             Chromium: cp FILE /etc/chromium/policies/managed/{file}\n\
             Edge:     cp FILE /etc/opt/edge/policies/managed/{file}\n\
             Look at chrome://policy, or edge://policy"
        ),
        way_back: format!(
            "rm -f /etc/opt/chrome/policies/managed/{file} /etc/chromium/policies/managed/{file}\n\
             rm -f /etc/opt/edge/policies/managed/{file}"
        ),
    }
}

/// Policies of Firefox.
pub(super) fn firefox(input: Input<'_>, left: &mut Left) -> Draft {
    let is_id = |id: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-{}".contains(&byte);
        (3..=80).contains(&id.len()) && id.bytes().all(letter)
    };
    let addons = extensions(input, FIREFOX, is_id, left);
    let names = Names::of(input, left);
    let zones = names.zones.iter().map(|zone| format!("*://*.{zone}/*"));
    let sites: Value = zones.chain(names.single.iter().map(|name| format!("*://{name}/*"))).collect();
    let settings: Value = addons
        .iter()
        .map(|id| (id.clone(), [("installation_mode", "blocked")].into_iter().collect::<Value>()))
        .collect();
    let filter: Value = [("Block", sites)].into_iter().collect();
    let policies: Value = [("ExtensionSettings", settings), ("WebsiteFilter", filter)].into_iter().collect();
    let whole: Value = [("policies", policies)].into_iter().collect();
    let mut breaks = breaks(input, &names);
    breaks.push(
        "Firefox reads one policies.json: where there is one, put these entries into it. `blocked` takes an add-on \
         away that is installed, with its settings."
            .to_owned(),
    );
    Draft {
        comment: Comment::None,
        before: "",
        body: format!("{whole:#}\n"),
        count: addons.len() + names.zones.len() + names.single.len(),
        breaks,
        allow: "Sites that must stay open go into WebsiteFilter, Exceptions, which go before Block.".to_owned(),
        install: "python3 -m json.tool FILE\n\
                  cp FILE /etc/firefox/policies/policies.json\n\
                  Windows and macOS: distribution/policies.json beside the program\n\
                  Look at about:policies"
            .to_owned(),
        way_back: "rm /etc/firefox/policies/policies.json, or take these entries out of it".to_owned(),
    }
}

/// The ids of extensions to refuse.
fn extensions(input: Input<'_>, on: Attribute, is_id: impl Fn(&str) -> bool, left: &mut Left) -> BTreeSet<String> {
    let mut list = BTreeSet::new();
    for chosen in input.chosen(&[on], USED, left) {
        for value in values(&chosen.indicator.test) {
            let what = chosen.says(value);
            if !matches!(chosen.indicator.test, Test::Is(_)) {
                left.add("a browser's policy takes whole ids of extensions", what);
            } else if !is_id(value) {
                left.add("not the id of an extension", what);
            } else if !input.spares(&[on], |other| other.eq_ignore_ascii_case(value), what, left) {
                list.insert(value.clone());
            }
        }
    }
    list
}

/// What refused extensions and sites break.
fn breaks(input: Input<'_>, names: &Names) -> Vec<String> {
    let mut list = vec![
        "An extension that is refused is taken away where it is installed; the program that put it there may report \
         that as a fault. Sites are refused in the browser only: other programs still reach them (use rpz)."
            .to_owned(),
    ];
    list.extend(dns::breaks(input));
    if names.zones.len() + names.single.len() > 1000 {
        list.push("A browser takes a thousand sites at most and leaves out the rest.".to_owned());
    }
    list
}
