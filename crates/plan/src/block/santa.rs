//! Programs refused by Santa on macOS, as a configuration profile with static rules.

use crate::block::fapolicyd::hashes;
use crate::block::select::{Input, Left, USED, values};
use crate::block::text::{Comment, Draft, xml};
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;
use std::collections::BTreeSet;

const TEAM: Attribute = Attribute::known("macos.team_id");

/// Rules on Team IDs and hashes.
pub(super) fn draft(input: Input<'_>, left: &mut Left) -> Draft {
    let teams = teams(input, left);
    let hashes = hashes(input, "macos", left);
    let message = format!("Refused under the order {}.", input.order.id);
    let rules: String = teams
        .iter()
        .map(|team| rule("TEAMID", team, &message))
        .chain(hashes.iter().map(|hash| rule("BINARY", hash, &message)))
        .collect();
    let name = format!("ostrakon.block.{}", input.slug('-'));
    let inner = input.id("santa rules").to_string().to_uppercase();
    let outer = input.id("santa profile").to_string().to_uppercase();
    let body = format!(
        r#"<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>StaticRules</key>
      <array>
{rules}      </array>
      <key>PayloadDisplayName</key>
      <string>Santa: rules of the order {order}</string>
      <key>PayloadIdentifier</key>
      <string>{name}.{inner}</string>
      <key>PayloadType</key>
      <string>com.northpolesec.santa</string>
      <key>PayloadUUID</key>
      <string>{inner}</string>
      <key>PayloadVersion</key>
      <integer>1</integer>
    </dict>
  </array>
  <key>PayloadDescription</key>
  <string>{title}</string>
  <key>PayloadDisplayName</key>
  <string>Ostrakon: {order}</string>
  <key>PayloadIdentifier</key>
  <string>{name}</string>
  <key>PayloadScope</key>
  <string>System</string>
  <key>PayloadType</key>
  <string>Configuration</string>
  <key>PayloadUUID</key>
  <string>{outer}</string>
  <key>PayloadVersion</key>
  <integer>1</integer>
</dict>
</plist>
"#,
        order = xml(&input.order.id),
        title = xml(&input.order.title)
    );
    Draft {
        comment: Comment::Xml,
        before: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        body,
        count: teams.len() + hashes.len(),
        breaks: vec![
            "A rule on a Team ID refuses everything the vendor signed with it, system extensions' programs and the \
             vendor's own uninstaller too: carry the removal out first, or take the profile back while it runs."
                .to_owned(),
            "StaticRules is one key. Where a profile for Santa has it already, put these rules into that profile: \
             two profiles with the key do not add up. Static rules go before those of a sync server."
                .to_owned(),
            "The domain is that of Santa by North Pole Security. For Santa as Google shipped it until 2025 put \
             com.google.santa in the place of com.northpolesec.santa."
                .to_owned(),
            "A rule refuses in monitor mode as well. Programs that run already go on until they are ended; \
             protection that comes from these products ends: have the replacement in place."
                .to_owned(),
        ],
        allow: "The profile sets no client mode and no other rule: what was allowed stays allowed, and Santa never \
                refuses the programs macOS cannot do without. To let one program of a refused Team ID run, add a \
                rule of type SIGNINGID with the policy ALLOWLIST: it goes before TEAMID."
            .to_owned(),
        install: "plutil -lint FILE.mobileconfig\n\
                  Give FILE.mobileconfig to your device management as a custom profile\n\
                  santactl status\n\
                  santactl fileinfo /Applications/PROGRAM.app"
            .to_owned(),
        way_back: format!("Withdraw the profile {name}\nBy hand: profiles remove -identifier {name}"),
    }
}

/// The Team IDs to refuse.
fn teams(input: Input<'_>, left: &mut Left) -> BTreeSet<String> {
    let mut list = BTreeSet::new();
    for chosen in input.chosen(&[TEAM], USED, left) {
        for value in values(&chosen.indicator.test) {
            let what = chosen.says(value);
            let fits = value.len() == 10
                && value.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
                && matches!(chosen.indicator.test, Test::Is(_));
            if !fits {
                left.add("not a Team ID", what);
            } else if !input.spares(&[TEAM], |other| other.eq_ignore_ascii_case(value), what, left) {
                list.insert(value.clone());
            }
        }
    }
    list
}

fn rule(kind: &str, identifier: &str, message: &str) -> String {
    format!(
        "        <dict>\n\
         \x20         <key>identifier</key>\n\
         \x20         <string>{}</string>\n\
         \x20         <key>rule_type</key>\n\
         \x20         <string>{kind}</string>\n\
         \x20         <key>policy</key>\n\
         \x20         <string>BLOCKLIST</string>\n\
         \x20         <key>custom_msg</key>\n\
         \x20         <string>{}</string>\n\
         \x20       </dict>\n",
        xml(identifier),
        xml(message)
    )
}
