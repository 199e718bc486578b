//! Packages that apt and dnf are not to install.

use crate::block::select::{Input, Left, USED, values};
use crate::block::text::{Comment, Draft, clean};
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;
use std::collections::{BTreeMap, BTreeSet};

const DEB: Attribute = Attribute::known("deb.name");
const RPM: Attribute = Attribute::known("rpm.name");

/// Preferences of apt: a priority below zero is never installed.
pub(super) fn apt(input: Input<'_>, left: &mut Left) -> Draft {
    let packages = packages(input, DEB, left);
    let names: BTreeMap<_, _> = packages.iter().map(|(name, from)| (name.to_ascii_lowercase(), from)).collect();
    let stanza = |(name, from): (&String, &&String)| {
        // Without `:any` a pin holds for the machine's own architecture only.
        format!("Explanation: {}\nPackage: {name}:any\nPin: release *\nPin-Priority: -1\n", clean(from))
    };
    let stanzas: Vec<_> = names.iter().map(stanza).collect();
    let file = format!("/etc/apt/preferences.d/00-ostrakon-{}.pref", input.slug('-'));
    let first = names.keys().next().map_or("NAME", String::as_str);
    Draft {
        comment: Comment::Mark('#'),
        before: "",
        body: stanzas.join("\n"),
        count: names.len(),
        breaks: breaks("apt", "dpkg -i of a file"),
        allow: "Nothing is let through, since nothing but these packages is touched. The first record on a package \
                counts, so a file that sorts before this one goes before it."
            .to_owned(),
        install: format!("cp FILE {file}\napt-cache policy {first}"),
        way_back: format!("rm {file}"),
    }
}

/// Exclusions of dnf.
pub(super) fn dnf(input: Input<'_>, left: &mut Left) -> Draft {
    let packages = packages(input, RPM, left);
    // dnf tells upper case from lower case, and the dossier does not.
    let names: BTreeSet<_> = packages.keys().flat_map(|name| [name.clone(), name.to_ascii_lowercase()]).collect();
    let list: Vec<_> = names.iter().map(String::as_str).collect();
    let body = format!("[main]\nexcludepkgs={}\n", list.join(","));
    let file = format!("/etc/dnf/libdnf5.conf.d/90-ostrakon-{}.conf", input.slug('-'));
    let first = list.first().copied().unwrap_or("NAME");
    let mut breaks = breaks("dnf", "rpm -i of a file");
    breaks.push(
        "dnf 4 and yum read no folder of such files: there the line excludepkgs= goes into [main] of \
         /etc/dnf/dnf.conf, joined with one that is there. Where includepkgs= is set, excludepkgs= still holds."
            .to_owned(),
    );
    Draft {
        comment: Comment::Mark('#'),
        before: "",
        body,
        count: names.len(),
        breaks,
        allow: "Nothing is let through, since nothing but these packages is touched. For one command, \
                --setopt=disable_excludes=* passes the list by."
            .to_owned(),
        install: format!("dnf 5: cp FILE {file}\ndnf list --available {first}"),
        way_back: format!("dnf 5: rm {file}\ndnf 4: take the line out of /etc/dnf/dnf.conf"),
    }
}

fn breaks(tool: &str, other: &str) -> Vec<String> {
    vec![
        format!(
            "{tool} installs and updates none of these packages, and none that depends on one. What is installed \
             stays, runs on without updates, and can be removed."
        ),
        format!(
            "It stops {tool}, not {other}, a vendor's own installer, or a tool that reads other settings. A package \
             of another maker that has one of these names is held back too: each name is said with its indicator, or \
             in the dossier."
        ),
    ]
}

/// The packages to refuse, each with the indicator behind it. A star at the end stands for any end.
fn packages(input: Input<'_>, on: Attribute, left: &mut Left) -> BTreeMap<String, String> {
    let mut list = BTreeMap::new();
    for chosen in input.chosen(&[on], USED, left) {
        for value in values(&chosen.indicator.test) {
            let what = chosen.says(value);
            let name = match pattern(&chosen.indicator.test, value) {
                Ok(name) => name,
                Err(reason) => {
                    left.add(reason, what);
                    continue;
                }
            };
            let hits = |other: &str| match name.strip_suffix('*') {
                Some(start) => other.get(..start.len()).is_some_and(|other| other.eq_ignore_ascii_case(start)),
                None => other.eq_ignore_ascii_case(&name),
            };
            if !input.spares(&[on], hits, what, left) {
                list.entry(name).or_insert_with(|| chosen.indicator.name.clone());
            }
        }
    }
    list
}

/// What a value asks for, as both tools write it.
fn pattern(test: &Test, value: &str) -> Result<String, &'static str> {
    let plain = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
    };
    let stem = match test {
        Test::Prefix(_) => Some(value),
        Test::Glob(_) => value.strip_suffix('*'),
        _ => None,
    };
    match (test, stem) {
        (Test::Is(_) | Test::Glob(_), None) if plain(value) => Ok(value.to_owned()),
        (Test::Is(_), None) => Err("not the name of a package"),
        // A short beginning would take in packages of others.
        (_, Some(stem)) if plain(stem) && stem.len() > 3 => Ok(format!("{stem}*")),
        _ => Err("not a whole name of a package, nor the beginning of one"),
    }
}
