//! Programs, installers and scripts refused by AppLocker of Windows.

use crate::block::fapolicyd::HASH;
use crate::block::select::{Input, Left, USED, values};
use crate::block::text::{Comment, Draft, clean, xml};
use crate::block::windows;
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;
use std::collections::BTreeMap;

const PUBLISHER: Attribute = Attribute::known("applocker.publisher");
/// What a dossier knows of who signed a program.
pub(super) const SIGNER: &[Attribute] = &[
    Attribute::known("signature.subject"),
    Attribute::known("signature.subject.common_name"),
    Attribute::known("signature.subject.organization"),
    Attribute::known("signature.subject.serial_number"),
];

/// A rule that lets through: id, name, group, path.
type Allowed = (&'static str, &'static str, &'static str, &'static str);

const ADMINISTRATORS: &str = "S-1-5-32-544";
const EVERYONE: &str = "S-1-1-0";

/// The rules AppLocker itself proposes, with its own ids, so that a merge does not double them.
const EXE: &[Allowed] = &[
    ("921cc481-6e17-4653-8f75-050b80acca20", "All files in the Program Files folder", EVERYONE, r"%PROGRAMFILES%\*"),
    ("a61c8b2c-a319-4cd0-9690-d2177cad7b51", "All files in the Windows folder", EVERYONE, r"%WINDIR%\*"),
    ("fd686d83-a829-4351-8ff4-27c7de5755d2", "All files", ADMINISTRATORS, "*"),
];
const MSI: &[Allowed] = &[
    (
        "5b290184-345a-4453-b184-45305f6d9a54",
        "All installer files in the Installer folder",
        EVERYONE,
        r"%WINDIR%\Installer\*",
    ),
    ("64ad46ff-0d71-4fa0-a30b-3f3d30c5433d", "All installer files", ADMINISTRATORS, "*.*"),
];
const SIGNED_MSI: (&str, &str) =
    ("b7af7102-efde-4369-8a89-7a6a392d1473", "(Default Rule) All digitally signed Windows Installer files");
const SCRIPT: &[Allowed] = &[
    ("06dce67b-934c-454f-a263-2515c8796a5d", "All scripts in the Program Files folder", EVERYONE, r"%PROGRAMFILES%\*"),
    ("9428c672-5fc3-47f4-808a-a0011f36dd2c", "All scripts in the Windows folder", EVERYONE, r"%WINDIR%\*"),
    ("ed97d0cb-15ff-430f-b82c-8d7832957725", "All scripts", ADMINISTRATORS, "*"),
];

/// Rules by publisher and path.
pub(super) fn draft(input: Input<'_>, left: &mut Left) -> Draft {
    let publishers = publishers(input, left);
    let paths = windows::paths(input, left);
    for chosen in input.chosen(&[HASH], USED, left) {
        left.add("AppLocker asks for the Authenticode hash, the dossier has that of the file", &chosen.indicator.name);
    }
    let mut body = "<AppLockerPolicy Version=\"1\">\n".to_owned();
    for (kind, defaults) in [("Exe", EXE), ("Msi", MSI), ("Script", SCRIPT)] {
        body.push_str(&format!("  <RuleCollection Type=\"{kind}\" EnforcementMode=\"Enabled\">\n"));
        for (publisher, from) in &publishers {
            let id = input.id(&format!("{kind} {publisher}")).to_string();
            body.push_str(&publisher_rule(&id, &format!("{}: {from}", input.order.id), "Deny", publisher));
        }
        if kind == "Msi" {
            body.push_str(&publisher_rule(SIGNED_MSI.0, SIGNED_MSI.1, "Allow", "*"));
        }
        for path in &paths {
            let id = input.id(&format!("{kind} {}", path.applocker)).to_string();
            body.push_str(&path_rule(
                &id,
                &format!("{}: {}", input.order.id, path.from),
                EVERYONE,
                "Deny",
                &path.applocker,
            ));
        }
        for (id, name, group, path) in defaults {
            body.push_str(&path_rule(id, &format!("(Default Rule) {name}"), group, "Allow", path));
        }
        body.push_str("  </RuleCollection>\n");
    }
    body.push_str("</AppLockerPolicy>\n");
    Draft {
        comment: Comment::Xml,
        before: "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
        body,
        count: 3 * (publishers.len() + paths.len()),
        breaks: vec![
            "AppLocker refuses whatever no rule allows. The default rules in this file allow Windows, Program Files \
             and administrators, so where no AppLocker policy was in force before, users can no longer start \
             programs from their own folders. Change EnforcementMode to AuditOnly first, read the AppLocker event \
             log for a week, and add the rules your users need."
                .to_owned(),
            "A publisher must agree letter for letter with O, L, S and C of the certificate, and no wildcard stands \
             for a part of it. The dossier recalls the place and country, it has not seen them in AppLocker: compare \
             with Get-AppLockerFileInformation on a file of the vendor before you rely on the rule."
                .to_owned(),
            "The products' own uninstallers and repairs are refused, to administrators too: carry the removal out \
             first, or take the policy back while it runs. AppLocker stops no drivers and no services that already run."
                .to_owned(),
        ],
        allow: "The default rules of AppLocker, with their usual ids: Windows and Program Files for Everyone, \
                everything for Administrators. Denials go before them. Where your policy already allows less, take \
                these rules out before you merge."
            .to_owned(),
        install: "Get-AppLockerPolicy -Local -Xml | Out-File applocker-before.xml\n\
                  Test-AppLockerPolicy -XmlPolicy FILE -Path C:\\Windows\\System32\\cmd.exe -User Everyone\n\
                  Set-AppLockerPolicy -XmlPolicy FILE -Merge\n\
                  sc.exe config AppIDSvc start= auto\n\
                  Start-Service AppIDSvc"
            .to_owned(),
        way_back: "Set-AppLockerPolicy -XmlPolicy applocker-before.xml".to_owned(),
    }
}

/// Whole names of publishers, each with the indicator behind it.
fn publishers(input: Input<'_>, left: &mut Left) -> BTreeMap<String, String> {
    let mut list = BTreeMap::new();
    for chosen in input.chosen(&[PUBLISHER], USED, &mut Left::default()) {
        for value in values(&chosen.indicator.test) {
            match whole_name(value) {
                Some(name) => drop(list.insert(name, chosen.indicator.name.clone())),
                None => left.add("not the whole name of a publisher", chosen.says(value)),
            }
        }
    }
    // A name that is only recalled is used where its organisation is a confirmed signer.
    let indicators = input.dossiers.iter().flat_map(|dossier| dossier.indicators.iter());
    let recalled: Vec<String> = indicators
        .filter(|indicator| indicator.on.contains(&PUBLISHER))
        .flat_map(|indicator| values(&indicator.test).iter().filter_map(|value| whole_name(value)))
        .collect();
    for chosen in input.chosen(SIGNER, USED, left) {
        for value in values(&chosen.indicator.test) {
            let start = format!("O={}, ", value.to_uppercase());
            let known = recalled.iter().find(|name| name.starts_with(&start));
            match known.filter(|_| matches!(chosen.indicator.test, Test::Is(_))) {
                Some(name) => {
                    list.entry(name.clone()).or_insert_with(|| chosen.indicator.name.clone());
                }
                None => left.add(
                    "AppLocker compares the whole name of a publisher (O, L, S, C) and the dossier has a part of it: \
                     Get-AppLockerFileInformation on a signed file gives the rest",
                    chosen.says(value),
                ),
            }
        }
    }
    list
}

/// A publisher as AppLocker writes it, without the wildcards around it.
fn whole_name(value: &str) -> Option<String> {
    let name = value.trim_matches('*').trim();
    let whole = name.starts_with("O=") && name.contains(", C=") && !name.contains(['*', '?']) && clean(name) == name;
    whole.then(|| name.to_uppercase())
}

fn publisher_rule(id: &str, name: &str, action: &str, publisher: &str) -> String {
    format!(
        "    <FilePublisherRule Id=\"{id}\" Name=\"{}\" Description=\"\" UserOrGroupSid=\"{EVERYONE}\" \
         Action=\"{action}\">\n\
         \x20     <Conditions>\n\
         \x20       <FilePublisherCondition PublisherName=\"{}\" ProductName=\"*\" BinaryName=\"*\">\n\
         \x20         <BinaryVersionRange LowSection=\"*\" HighSection=\"*\" />\n\
         \x20       </FilePublisherCondition>\n\
         \x20     </Conditions>\n\
         \x20   </FilePublisherRule>\n",
        xml(name),
        xml(publisher)
    )
}

fn path_rule(id: &str, name: &str, group: &str, action: &str, path: &str) -> String {
    format!(
        "    <FilePathRule Id=\"{id}\" Name=\"{}\" Description=\"\" UserOrGroupSid=\"{group}\" Action=\"{action}\">\n\
         \x20     <Conditions>\n\
         \x20       <FilePathCondition Path=\"{}\" />\n\
         \x20     </Conditions>\n\
         \x20   </FilePathRule>\n",
        xml(name),
        xml(path)
    )
}
