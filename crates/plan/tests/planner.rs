//! The planner on shipped data: what it plans, what the linter refuses, and what voids an approval.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::{Date, date};
use ostrakon_identify::identification::Judged;
use ostrakon_identify::{Evidence, Finding};
use ostrakon_ledger::SecretKey;
use ostrakon_model::{ArtifactKind, Asset, AssetKind, Attribute, Grade, Locator, Presence, ProductKind};
use ostrakon_order::{Dossier, Order, Policy};
use ostrakon_plan::draft::About;
use ostrakon_plan::{Approvers, Cover, Input, Plan, PlanError, Rule, Signed, Step, draft, lint};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const TODAY: Date = date(2018, 1, 2);
const WAIVER: &str = r#"
[[waiver]]
controls = ["anti-malware"]
owner = "R. Roe"
reason = "off the network"
expires = 2018-06-30
"#;

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn order() -> Order {
    let text = fs::read_to_string(repository().join("orders/bod-17-01.toml")).unwrap();
    Order::parse("bod-17-01.toml", Some("bod-17-01"), &text).unwrap()
}

fn dossiers() -> BTreeMap<String, Dossier> {
    let folder = repository().join("dossiers/kaspersky");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.sort();
    [("kaspersky".to_owned(), Dossier::parse("kaspersky", &files).unwrap())].into()
}

fn policy(text: &str) -> Policy {
    Policy::parse("policy.toml", &format!("schema = \"ostrakon/policy/1\"\n{text}")).unwrap()
}

fn evidence(kind: ArtifactKind, attribute: &str, value: &str, locator: &str) -> Evidence {
    Evidence {
        kind,
        attribute: Attribute::named(attribute).unwrap(),
        value: value.to_owned(),
        indicator: "kaspersky/kesl#x".to_owned(),
        locator: Locator(locator.to_owned()),
        sha256: None,
        grade: Grade::Confirmed,
        supporting: false,
        presence: Presence::Installed,
        purl: String::new(),
        version: if kind == ArtifactKind::Package { "12.1".to_owned() } else { String::new() },
        note: if attribute == "file.path" { "3 files, 2 programs".to_owned() } else { String::new() },
    }
}

fn finding(asset: &str, product: &str, evidence: Vec<Evidence>) -> Judged {
    let finding = Finding {
        id: format!("{product}@{asset}"),
        asset: asset.to_owned(),
        vendor: "kaspersky".to_owned(),
        product: product.to_owned(),
        title: format!("Title of {product}"),
        kind: ProductKind::Security,
        entity: "ao".to_owned(),
        presence: Presence::Installed,
        grade: Grade::Confirmed,
        root: String::new(),
        evidence,
        needed_by: Vec::new(),
    };
    Judged { finding, in_scope: true, scope_reason: "covered".to_owned(), ruling: None, disputed: Vec::new() }
}

fn kesl(asset: &str) -> Judged {
    use ArtifactKind::{File, Package, Process, Service};
    finding(
        asset,
        "kesl",
        vec![
            evidence(Package, "deb.name", "kesl", "/var/lib/dpkg/status"),
            evidence(Package, "deb.name", "kesl-gui", "/var/lib/dpkg/status"),
            evidence(Service, "systemd.unit", "kesl.service", "/usr/lib/systemd/system/kesl.service"),
            evidence(Process, "process.path", "/opt/kaspersky/kesl/libexec/kesl", "/proc/7"),
            evidence(File, "file.path", "/opt/kaspersky/kesl", "/opt/kaspersky/kesl"),
        ],
    )
}

fn agent(asset: &str) -> Judged {
    finding(asset, "klnagent", vec![evidence(ArtifactKind::Package, "deb.name", "klnagent64", "/var/lib/dpkg/status")])
}

fn about(asset: &str) -> About {
    let name = asset.trim_start_matches("id-").to_owned();
    let asset = Asset { id: asset.to_owned(), kind: AssetKind::Host, name, os: "Debian".to_owned() };
    About {
        asset,
        looked: "2018-01-01T00:00:00Z".to_owned(),
        component: "Bureau".to_owned(),
        mission_function: String::new(),
    }
}

fn plan_on(findings: &[Judged], policy: &Policy, today: Date, ahead: bool) -> Plan {
    let mut names: Vec<&str> = findings.iter().map(|judged| judged.finding.asset.as_str()).collect();
    names.dedup();
    let (order, dossiers) = (order(), dossiers());
    draft(&Input {
        order: &order,
        order_digest: "sha256:00".to_owned(),
        dossiers: &dossiers,
        findings,
        assets: names.into_iter().map(about).collect(),
        planning: &policy.planning,
        policy_digest: "sha256:11".to_owned(),
        methodologies: "looked".to_owned(),
        today,
        ahead,
        begins: Some(date(2017, 12, 12)),
        parent: None,
        tool: "test".to_owned(),
    })
    .unwrap()
}

fn plan(policy_text: &str) -> Plan {
    plan_on(&[kesl("id-pc7"), agent("id-pc7")], &policy(policy_text), TODAY, false)
}

fn rules(plan: &Plan, today: Date) -> Vec<Rule> {
    lint(plan, today, &["/var/lib/ostrakon".to_owned()]).iter().map(|refusal| refusal.rule).collect()
}

#[test]
fn the_product_goes_before_its_agent_and_parts_before_what_they_belong_to() {
    let plan = plan(WAIVER);
    let steps: Vec<String> =
        plan.assets[0].actions.iter().map(|it| format!("{} {} {}", it.id, it.step.word(), it.step.name())).collect();
    let expected = [
        "a01 stop-unit kesl.service",
        "a02 end-processes /opt/kaspersky/kesl/libexec/kesl",
        "a03 remove-package dpkg:kesl-gui",
        "a04 remove-package dpkg:kesl",
        "a05 remove-package dpkg:klnagent64",
        "a06 quarantine /usr/lib/systemd/system/kesl.service",
        "a07 quarantine /opt/kaspersky/kesl",
    ];
    assert_eq!(steps, expected);
    assert_eq!(rules(&plan, TODAY), []);
}

#[test]
fn nobody_is_left_without_protection_by_default() {
    let plan = plan("");
    let refusals = lint(&plan, TODAY, &[]);
    assert_eq!(refusals.len(), 1);
    let said = refusals[0].to_string();
    assert!(said.contains("pc7 would be without anti-malware, which Title of kesl gives it now"), "{said}");
    assert!(said.contains("Way out: name a [[replacement]]"), "{said}");
    assert!(plan.waits.iter().any(|wait| wait.contains("anti-malware on 1 asset(s)")), "{:?}", plan.waits);
}

#[test]
fn a_replacement_that_is_ready_covers_and_is_asked_for_first() {
    let ready = "[[replacement]]\ncontrols = [\"anti-malware\"]\nname = \"Other\"\npackage = \"other-av\"\nready = 2018-01-02\n";
    let plan_ready = plan(ready);
    assert!(
        matches!(&plan_ready.assets[0].controls[0].cover, Some(Cover::Replacement { name, .. }) if name == "Other")
    );
    assert_eq!(plan_ready.assets[0].actions[0].step, Step::RequirePackage { package: "other-av".to_owned() });
    assert_eq!(plan_ready.assets[0].actions[1].id, "a02");
    assert_eq!(rules(&plan_ready, TODAY), []);
    let late = plan(&ready.replace("2018-01-02", "2018-03-01"));
    assert_eq!(rules(&late, TODAY), [Rule::ReplacementLate]);
    // The day comes: the same plan stands.
    assert_eq!(rules(&late, date(2018, 3, 1)), []);
}

#[test]
fn what_runs_out_refuses_the_plan_on_that_day() {
    let plan = plan(WAIVER);
    assert_eq!(rules(&plan, date(2018, 6, 30)), []);
    assert_eq!(rules(&plan, date(2018, 7, 1)), [Rule::WaiverExpired]);
}

#[test]
fn the_orders_day_is_waited_for() {
    let before = date(2017, 11, 20);
    let early = plan_on(&[agent("id-pc7")], &policy(WAIVER), before, false);
    assert_eq!(rules(&early, before), [Rule::TooEarly]);
    assert_eq!(early.waves[0].begins, date(2017, 12, 12));
    let ahead = plan_on(&[agent("id-pc7")], &policy(WAIVER), before, true);
    assert_eq!((rules(&ahead, before), ahead.waves[0].begins), (Vec::new(), before));
}

#[test]
fn the_first_wave_is_small_and_pilots_come_first() {
    let findings: Vec<Judged> = (0..25).map(|at| agent(&format!("id-pc{at:02}"))).collect();
    let text = "[waves]\nfirst = 2\nsize = 10\ndays_apart = 7\npilots = [\"pc20\"]\n";
    let plan = plan_on(&findings, &policy(text), TODAY, false);
    let of =
        |wave| plan.assets.iter().filter(|asset| asset.wave == wave).map(|it| it.name.as_str()).collect::<Vec<_>>();
    assert_eq!(of(1), ["pc20", "pc00"]);
    assert_eq!((of(2).len(), of(3).len(), of(4).len()), (10, 10, 3));
    let days: Vec<Date> = plan.waves.iter().map(|wave| wave.begins).collect();
    assert_eq!(days, [TODAY, date(2018, 1, 9), date(2018, 1, 16), date(2018, 1, 23)]);
    let mut crowded = plan.clone();
    crowded.assets[5].wave = 1;
    assert_eq!(rules(&crowded, TODAY), [Rule::WaveLimit]);
}

#[test]
fn what_others_need_and_what_is_not_the_findings_is_refused() {
    let mut needed = agent("id-pc7");
    needed.finding.needed_by = vec!["deb:site-monitor needs klnagent64".to_owned()];
    let plan = plan_on(&[needed], &policy(""), TODAY, false);
    let said = lint(&plan, TODAY, &[]);
    assert_eq!(said[0].rule, Rule::NeededPackage);
    assert!(said[0].what.contains("site-monitor needs klnagent64"), "{}", said[0].what);

    let quarantine = |path: &str| {
        let file = evidence(ArtifactKind::File, "file.path", path, path);
        plan_on(&[finding("id-pc7", "kesl", vec![file])], &policy(WAIVER), TODAY, false)
    };
    for path in ["/opt", "/usr/lib", "/var/log", "/etc"] {
        assert_eq!(rules(&quarantine(path), TODAY), [Rule::SystemFolder], "{path}");
    }
    for path in ["/%65tc/opt/x", "/opt//x", "/opt/./x", "/opt/%2e%2e/etc/x", "/home/ada"] {
        assert_eq!(rules(&quarantine(path), TODAY), [Rule::SystemFolder], "{path}");
    }
    assert_eq!(rules(&quarantine("/var/lib/ostrakon/runs"), TODAY), [Rule::OwnFiles]);
    let mut edited = quarantine("/opt/kaspersky");
    edited.assets[0].actions[0].step = Step::Quarantine { path: "/opt/other".to_owned(), sha256: None };
    assert_eq!(rules(&edited, TODAY), [Rule::OutsideEvidence]);
}

#[test]
fn names_are_blocked_where_the_policy_says_so() {
    let blocked = plan(&format!("{WAIVER}\n[block]\nnames = true\n"));
    let last = blocked.assets[0].actions.last().unwrap();
    assert!(
        matches!(&last.step, Step::BlockNames { names } if names.iter().any(|name| name.ends_with("kaspersky-labs.com")))
    );
    assert_eq!(rules(&blocked, TODAY), []);
    assert!(!plan(WAIVER).assets[0].actions.iter().any(|action| matches!(action.step, Step::BlockNames { .. })));
}

#[test]
fn embedded_code_excepted_products_and_other_systems_are_left_with_a_reason() {
    let mut embedded =
        finding("id-pc7", "engine", vec![evidence(ArtifactKind::File, "file.name", "kavehost", "/opt/mail/kavehost")]);
    embedded.finding.presence = Presence::Embedded;
    let mut nested = agent("id-pc7");
    nested.finding.id = "nested".to_owned();
    nested.finding.root = "/srv/backup".to_owned();
    let exception =
        "[[exception]]\nproduct = \"kaspersky/kesl\"\nby = \"CIO\"\nbecause = \"lab\"\nuntil = 2018-12-31\n";
    let plan = plan_on(&[embedded, nested, kesl("id-pc7")], &policy(exception), TODAY, false);
    assert!(plan.assets.is_empty());
    let reasons: Vec<&str> = plan.left.iter().map(|left| left.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3);
    assert!(reasons.iter().any(|it| it.contains("another maker's product")));
    assert!(reasons.iter().any(|it| it.contains("--root /srv/backup")));
    assert!(reasons.iter().any(|it| it.contains("CIO lets it stay until 2018-12-31: lab")));
}

#[test]
fn what_lies_in_an_archive_goes_with_it_or_is_left() {
    let mut package = agent("id-pc7");
    package.finding.evidence =
        vec![evidence(ArtifactKind::Package, "deb.name", "klnagent64", "/srv/agent.deb!/control.tar.xz!/control")];
    package.finding.evidence[0].presence = Presence::Dormant;
    let inside = |archive: &str| {
        let program = format!("{archive}!/data.tar.xz!/opt/kaspersky/klnagent64/sbin/klnagent");
        let seen = evidence(ArtifactKind::Executable, "file.name", "klnagent", &program);
        let mut inside = finding("id-pc7", "klnagent", vec![seen]);
        inside.finding.id = format!("in {archive}");
        inside.finding.root = format!("{archive}!/data.tar.xz!");
        inside
    };
    let findings = [package, inside("/srv/agent.deb"), inside("/srv/other.tar")];
    let plan = plan_on(&findings, &policy(WAIVER), TODAY, false);
    let actions: Vec<(String, &[String])> =
        plan.assets[0].actions.iter().map(|it| (it.step.name(), it.findings.as_slice())).collect();
    let both = ["in /srv/agent.deb".to_owned(), "klnagent@id-pc7".to_owned()];
    assert_eq!(actions, [("/srv/agent.deb".to_owned(), both.as_slice())]);
    let left: Vec<&str> = plan.left.iter().map(|left| left.finding.id.as_str()).collect();
    assert_eq!(left, ["in /srv/other.tar"]);
}

#[test]
fn a_number_in_a_file_is_no_path_in_an_archive_and_a_hive_is_never_moved() {
    let anchor = "/usr/local/share/ca-certificates/web.crt";
    let certificate = evidence(
        ArtifactKind::Certificate,
        "certificate.subject.common_name",
        "Kaspersky Web Anti-Virus",
        &format!("{anchor}!1"),
    );
    let hive = "/Windows/System32/config/SOFTWARE!KasperskyLab";
    let key = evidence(ArtifactKind::RegistryKey, "windows.registry.key", "HKLM\\SOFTWARE\\KasperskyLab", hive);
    let service = evidence(ArtifactKind::Service, "windows.service.name", "AVP", hive);
    let plan = plan_on(&[finding("id-pc7", "kes", vec![certificate, key, service])], &policy(WAIVER), TODAY, false);
    let steps: Vec<String> =
        plan.assets[0].actions.iter().map(|it| format!("{} {}", it.step.word(), it.step.name())).collect();
    assert_eq!(steps, [format!("remove-certificate {anchor}")]);
}

#[test]
fn what_may_stay_is_not_moved_with_what_goes() {
    let mut agent = agent("id-pc7");
    let folder = |path: &str| evidence(ArtifactKind::File, "file.path", path, path);
    agent.finding.evidence.push(folder("/opt/kaspersky/klnagent64"));
    let mut product = kesl("id-pc7");
    product.finding.evidence.push(folder("/opt/kaspersky"));
    let exception =
        "[[exception]]\nproduct = \"kaspersky/klnagent\"\nby = \"CIO\"\nbecause = \"lab\"\nuntil = 2018-12-31\n";
    let mut plan = plan_on(&[product, agent], &policy(&format!("{WAIVER}{exception}")), TODAY, false);
    let moved: Vec<String> = plan.assets[0].actions.iter().map(|it| it.step.name()).collect();
    assert!(moved.contains(&"/opt/kaspersky/kesl".to_owned()), "{moved:?}");
    assert!(!moved.iter().any(|name| name == "/opt/kaspersky" || name.contains("klnagent")), "{moved:?}");
    assert_eq!(rules(&plan, TODAY), []);
    let last = plan.assets[0].actions.last_mut().unwrap();
    last.step = Step::Quarantine { path: "/opt/kaspersky".to_owned(), sha256: None };
    assert_eq!(rules(&plan, TODAY), [Rule::TouchesLeft]);
}

#[test]
fn the_fourteen_elements_are_there_in_the_issuers_order() {
    let plan = plan(&format!("{WAIVER}\n[agency]\nname = \"Sample Agency\"\n"));
    let labels: Vec<&str> = plan.elements.iter().map(|element| &element.label[..3]).collect();
    let letters: Vec<String> = ('a'..='n').map(|letter| format!("({letter})")).collect();
    assert_eq!(labels, letters);
    let answer = |key: &str| plan.elements.iter().find(|element| element.key == key).unwrap().answer.clone();
    assert_eq!(answer("agency_name"), "Sample Agency");
    assert_eq!(answer("endpoints_impacted"), "1");
    assert_eq!(answer("controls_impacted"), "anti-malware");
    assert_eq!(answer("removal_timeline"), "wave 1: from 2018-01-02, 1 endpoint(s)");
    let open: Vec<&str> = plan.open_elements().map(|element| element.key.as_str()).collect();
    assert_eq!(open, ["poc", "mission_function", "agreements", "challenges", "costs"]);
}

fn refused<T: std::fmt::Debug>(result: Result<T, PlanError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn approvals_are_counted_and_a_change_voids_them() {
    let (roe, doe, stranger) =
        (SecretKey::generate("roe").unwrap(), SecretKey::generate("doe").unwrap(), SecretKey::generate("eve").unwrap());
    let approvers = Approvers { required: 2, keys: vec![roe.public().clone(), doe.public().clone()] };
    let mut signed = Signed::unapproved(plan(WAIVER));
    assert!(refused(signed.approve(&stranger, &approvers, TODAY, &[])).contains("eve+"));
    signed.approve(&roe, &approvers, TODAY, &[]).unwrap();
    signed.approve(&roe, &approvers, TODAY, &[]).unwrap();
    assert!(refused(signed.clone().approved(&approvers, TODAY, &[])).contains("1 of 2 approval(s)"));
    signed.approve(&doe, &approvers, TODAY, &[]).unwrap();
    let whole = Signed::parse(&signed.text().unwrap()).unwrap();
    assert_eq!(whole.clone().approved(&approvers, TODAY, &[]).unwrap().by().len(), 2);

    let mut edited = whole.clone();
    edited.plan.elements[0].answer.push('x');
    assert!(
        refused(edited.approved(&approvers, TODAY, &[])).contains("is void: the plan is not the one that was approved")
    );
    assert!(refused(whole.clone().approved(&approvers, date(2018, 7, 1), &[])).contains("waiver-expired"));
    let text = whole.text().unwrap().replacen("\"drafted\"", "\"more\": 1,\n    \"drafted\"", 1);
    assert!(Signed::parse(&text).is_err());
    // Who must approve is part of the plan, and one key under two names is one key.
    let text = format!("{WAIVER}[approval]\nrequired = 2\napprovers = [\"{}\", \"{}\"]\n", roe.public(), doe.public());
    let mut own = Signed::unapproved(plan(&text));
    let any = Approvers { required: 1, keys: vec![roe.public().clone(), doe.public().clone()] };
    own.approve(&roe, &any, TODAY, &[]).unwrap();
    assert!(
        refused(own.clone().approved(&any, TODAY, &[]))
            .contains("the plan has 1 of 2 approval(s) by the approvers it names")
    );
    own.approve(&doe, &any, TODAY, &[]).unwrap();
    own.approved(&any, TODAY, &[]).unwrap();

    let mut bare = Signed::unapproved(plan(""));
    assert!(refused(bare.approve(&roe, &approvers, TODAY, &[])).contains("protection-gap"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_same_input_in_any_order_makes_the_same_plan(seed in any::<u64>(), count in 1usize..12) {
        let mut findings: Vec<Judged> =
            (0..count).flat_map(|at| [kesl(&format!("id-pc{at}")), agent(&format!("id-pc{at}"))]).collect();
        let policy = policy(WAIVER);
        let first = plan_on(&findings, &policy, TODAY, false);
        // Assets must stay together: the list of looks is made from them.
        let turn = usize::try_from(seed % count as u64).unwrap() * 2;
        findings.rotate_left(turn);
        let second = plan_on(&findings, &policy, TODAY, false);
        prop_assert_eq!(first.digest().unwrap(), second.digest().unwrap());
        prop_assert!(first.assets.iter().all(|asset| !asset.actions.is_empty()));
    }
}
