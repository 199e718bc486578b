//! Programs refused by App Control of Windows, formerly Windows Defender Application Control.

use crate::block::applocker::SIGNER;
use crate::block::fapolicyd::HASH;
use crate::block::select::{Input, Left, USED, values};
use crate::block::text::{Comment, Draft, xml};
use crate::block::windows;
use jiff::civil::Date;
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;

const COMPANY: Attribute = Attribute::known("pe.company_name");

/// What App Control compares as a whole, and how it is called there.
const MARKS: [(Attribute, &str); 4] = [
    (Attribute::known("pe.original_filename"), "FileName"),
    (Attribute::known("pe.product_name"), "ProductName"),
    (Attribute::known("pe.file_description"), "FileDescription"),
    (Attribute::known("msix.family_name"), "PackageFamilyName"),
];

/// A base policy that allows everything but what it denies.
pub(super) fn draft(input: Input<'_>, today: Date, left: &mut Left) -> Draft {
    let denials = denials(input, left);
    let signers = signers(input, left);
    let id = format!("{{{}}}", input.id("wdac").to_string().to_uppercase());
    let name = format!("Ostrakon {}", input.order.id);
    let version = today.strftime("%Y.%-m.%-d.0");
    let rules: String = denials
        .iter()
        .enumerate()
        .map(|(at, (mark, value, from))| {
            // A denial is for versions below the one it names.
            let versions = match *mark {
                "FilePath" => "",
                "PackageFamilyName" => " PackageVersion=\"65535.65535.65535.65535\"",
                _ => " MinimumFileVersion=\"65535.65535.65535.65535\"",
            };
            format!(
                "    <Deny ID=\"ID_DENY_OSTRAKON_{at}\" FriendlyName=\"{}\" {mark}=\"{}\"{versions} />\n",
                xml(from),
                xml(value)
            )
        })
        .collect();
    let references: String =
        (0..denials.len()).map(|at| format!("          <FileRuleRef RuleID=\"ID_DENY_OSTRAKON_{at}\" />\n")).collect();
    let body = format!(
        r#"<SiPolicy xmlns="urn:schemas-microsoft-com:sipolicy" PolicyType="Base Policy">
  <VersionEx>{version}</VersionEx>
  <PlatformID>{{2E07F7E4-194C-4D20-B7C9-6F44A6C5A234}}</PlatformID>
  <PolicyID>{id}</PolicyID>
  <BasePolicyID>{id}</BasePolicyID>
  <Rules>
    <Rule><Option>Enabled:Unsigned System Integrity Policy</Option></Rule>
    <Rule><Option>Enabled:Advanced Boot Options Menu</Option></Rule>
    <Rule><Option>Enabled:UMCI</Option></Rule>
    <Rule><Option>Enabled:Update Policy No Reboot</Option></Rule>
    <Rule><Option>Disabled:Script Enforcement</Option></Rule>
  </Rules>
  <EKUs />
  <FileRules>
    <Allow ID="ID_ALLOW_A_1" FriendlyName="Everything else: drivers" FileName="*" />
    <Allow ID="ID_ALLOW_A_2" FriendlyName="Everything else: programs" FileName="*" />
{rules}  </FileRules>
  <Signers />
  <SigningScenarios>
    <SigningScenario Value="131" ID="ID_SIGNINGSCENARIO_DRIVERS" FriendlyName="Drivers">
      <ProductSigners>
        <FileRulesRef>
          <FileRuleRef RuleID="ID_ALLOW_A_1" />
        </FileRulesRef>
      </ProductSigners>
    </SigningScenario>
    <SigningScenario Value="12" ID="ID_SIGNINGSCENARIO_WINDOWS" FriendlyName="Programs">
      <ProductSigners>
        <FileRulesRef>
          <FileRuleRef RuleID="ID_ALLOW_A_2" />
{references}        </FileRulesRef>
      </ProductSigners>
    </SigningScenario>
  </SigningScenarios>
  <UpdatePolicySigners />
  <CiSigners />
  <HvciOptions>0</HvciOptions>
  <Settings>
    <Setting Provider="PolicyInfo" Key="Information" ValueName="Name"><Value><String>{name}</String></Value></Setting>
    <Setting Provider="PolicyInfo" Key="Information" ValueName="Id"><Value><String>{today}</String></Value></Setting>
  </Settings>
</SiPolicy>
"#,
        name = xml(&name)
    );
    let mut breaks = vec![
        "Rules on paths stop programs where the vendor installs them, not copies elsewhere, and no drivers. The \
         strong rule is one on the signer; it needs the certificate of the authority that issued the vendor's, which \
         a file of the vendor carries and the dossier does not: INSTALL shows how to add it."
            .to_owned(),
        "The products' own uninstallers are refused, to administrators too: carry the removal out first, or take the \
         policy back while it runs. Rules on paths need Windows 10 1903 or later; do not use \
         the policy on Windows Server 2016, where the option on scripts has other effects."
            .to_owned(),
        "Protection that comes from these products ends: have the replacement in place. Another base policy on the \
         machine stays in force as it is: what runs must be allowed by all of them."
            .to_owned(),
    ];
    if !signers.is_empty() {
        breaks.push(format!("Signers of the vendor, as CertPublisher writes them: {}.", signers.join("; ")));
    }
    Draft {
        comment: Comment::Xml,
        before: "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
        body,
        count: denials.len(),
        breaks,
        allow: "The rules ID_ALLOW_A_1 and ID_ALLOW_A_2 allow everything that is not denied, drivers and programs, \
                so that a policy of denials does not lock the machine. Scripts are not enforced. Add the option \
                Enabled:Audit Mode to look before you refuse."
            .to_owned(),
        install: format!(
            "To refuse the signer as well, with any signed file of the vendor:\n\
             $rules = New-CIPolicyRule -Level Publisher -Fallback FileName -Deny -DriverFilePath VENDOR-FILE.exe\n\
             Merge-CIPolicy -PolicyPaths FILE.xml -OutputFilePath FILE.xml -Rules $rules\n\
             Then, or without that:\n\
             ConvertFrom-CIPolicy -XmlFilePath FILE.xml -BinaryFilePath '{id}.cip'\n\
             CiTool.exe -up '{id}.cip'"
        ),
        way_back: format!(
            "CiTool.exe -rp '{id}'\n\
             Before Windows 11 22H2: delete it in %windir%\\System32\\CodeIntegrity\\CiPolicies\\Active, and restart"
        ),
    }
}

/// What is denied: the mark of a file, its value, the indicator.
fn denials(input: Input<'_>, left: &mut Left) -> Vec<(&'static str, String, String)> {
    let mut list = Vec::new();
    for found in windows::paths(input, left) {
        if found.drive.is_empty() {
            left.add("a folder of each user, which a path here cannot name", found.applocker);
        } else {
            let path = |path: String| ("FilePath", format!(r"%OSDRIVE%\{path}"), found.from.clone());
            list.extend(found.drive.into_iter().map(path));
        }
    }
    for (attribute, mark) in MARKS {
        for chosen in input.chosen(&[attribute], USED, left) {
            for value in values(&chosen.indicator.test) {
                let what = chosen.says(value);
                if !matches!(chosen.indicator.test, Test::Is(_)) {
                    left.add("App Control compares whole values here", what);
                } else if !input.spares(&[attribute], |other| other.eq_ignore_ascii_case(value), what, left) {
                    list.push((mark, value.clone(), chosen.indicator.name.clone()));
                }
            }
        }
    }
    for (attribute, reason) in [
        (HASH, "App Control asks for the Authenticode hash, the dossier has that of the file"),
        (COMPANY, "App Control does not compare the name of the company"),
    ] {
        for chosen in input.chosen(&[attribute], USED, left) {
            left.add(reason, &chosen.indicator.name);
        }
    }
    list
}

/// The vendors' signers, none of which makes a rule: a signer is only valid with the certificate of its authority.
fn signers(input: Input<'_>, left: &mut Left) -> Vec<String> {
    let mut list = Vec::new();
    for chosen in input.chosen(SIGNER, USED, left) {
        for value in values(&chosen.indicator.test) {
            left.add("a signer needs CertRoot, the hash of its issuer, which the dossier lacks", chosen.says(value));
            if chosen.indicator.on.contains(&Attribute::known("signature.subject.common_name")) {
                list.push(value.clone());
            }
        }
    }
    list
}
