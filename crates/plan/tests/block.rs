//! Deny rules in every form: what is in them, what is not, and that the tools they are for read them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::date;
use ostrakon_model::Attribute;
use ostrakon_order::{Dossier, Library, Source};
use ostrakon_plan::block::{Form, Rules, rules};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn files(dir: &Path) -> Vec<(String, String)> {
    let mut list: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    list.sort();
    list
}

fn library() -> Library {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = std::fs::read_dir(root.join("dossiers")).unwrap().map(|entry| entry.unwrap().path());
    let dossiers = folders.map(|dir| (dir.file_name().unwrap().to_string_lossy().into_owned(), files(&dir))).collect();
    let source =
        Source { orders: files(&root.join("orders")), calendars: files(&root.join("orders/calendars")), dossiers };
    Library::read(&source).unwrap()
}

/// The rules of one order with the dossiers that ship.
fn of(order: &str, form: Form) -> Rules {
    let library = library();
    let order = library.order(order).unwrap();
    rules(order, &library.dossiers_of(order).unwrap(), form, date(2026, 11, 23))
}

fn shipped(form: Form) -> Rules {
    of("bod-17-01", form)
}

/// The rules of BOD 17-01 with a dossier that holds these indicators.
fn invented(indicators: &str, form: Form) -> Rules {
    let head = r#"
        schema = "ostrakon/dossier/1"
        id = "kaspersky"
        title = "Invented"
        summary = "For tests."
        [[source]]
        id = "S"
        url = "https://example.org"
        [[product]]
        id = "any"
        title = "Invented"
        kind = "security"
        platforms = ["linux"]
        source = ["S"]
    "#;
    let text = format!("{head}\n{indicators}");
    let dossier = Dossier::parse("kaspersky", &[("invented.toml".to_owned(), text)]).unwrap();
    let library = library();
    rules(library.order("bod-17-01").unwrap(), &[&dossier], form, date(2026, 11, 23))
}

/// A confirmed indicator.
fn indicator(id: &str, on: &str, test: &str) -> String {
    let head = format!("[[indicator]]\nproduct = \"any\"\nid = \"{id}\"\non = \"{on}\"\n");
    format!("{head}{test}\ngrade = \"confirmed\"\nsource = [\"S\"]\n")
}

/// The lines that are no comment.
fn active(rules: &Rules) -> Vec<&str> {
    let comment = |line: &&str| line.is_empty() || line.starts_with(['#', ';']);
    rules.text.lines().filter(|line| !comment(line)).collect()
}

fn left(rules: &Rules, what: &str) -> bool {
    rules.not_expressed.iter().any(|line| line.contains(what))
}

#[test]
fn every_form_says_what_it_is_and_how_it_is_undone() {
    let mut words = BTreeSet::new();
    for form in Form::ALL {
        let made = shipped(form);
        assert!(words.insert(form.word()));
        assert!(!made.way_back.is_empty() && !made.install.is_empty() && !made.warnings.is_empty(), "{form}");
        assert!(!made.not_expressed.is_empty(), "{form} leaves what is only possible out, and says so");
        let said = if matches!(form, Form::ChromePolicy | Form::FirefoxPolicy) {
            made.warnings.join("\n")
        } else {
            for part in ["WHAT IT CAN BREAK", "SELF-ALLOW LIST", "INSTALL", "WAY BACK", "NOT EXPRESSED HERE"] {
                assert!(made.text.contains(part), "{form}: {part}");
            }
            made.text
        };
        // Lines are wrapped.
        let said = said.replace("\n# ", " ").replace("\n; ", " ").replace('\n', " ");
        assert!(said.contains(&format!("{} deny rules for {form}", made.count)), "{said}");
        assert!(said.contains("2026-11-23") && said.contains("the order bod-17-01"), "{form}");
    }
}

#[test]
fn a_zone_refuses_a_name_and_everything_below_it() {
    let made = shipped(Form::Rpz);
    let lines = active(&made);
    for line in ["kaspersky-labs.com CNAME .", "*.kaspersky-labs.com CNAME .", "*.geo.kaspersky.com CNAME ."] {
        assert!(lines.contains(&line), "{line}");
    }
    assert!(lines.contains(&"crl.kaspersky.com CNAME .") && !lines.contains(&"*.crl.kaspersky.com CNAME ."));
    assert!(lines.iter().any(|line| line.contains("2026112301")));
    let refused: Vec<_> = lines.iter().filter_map(|line| line.strip_suffix(" CNAME .")).collect();
    assert_eq!(refused.len(), made.count);
    // A name below a wildcard would shield its own subtree.
    for zone in refused.iter().filter_map(|name| name.strip_prefix('*')) {
        assert!(!refused.iter().any(|name| name.trim_start_matches("*.").ends_with(zone)), "{zone}");
    }
    // A pattern that a zone covers is expressed.
    assert!(!left(&made, "ksn-*-geo"));
}

#[test]
fn a_zone_with_visits_of_the_web_site_is_left_out_and_named() {
    for form in [Form::Rpz, Form::Hosts, Form::ChromePolicy, Form::FirefoxPolicy] {
        let made = shipped(form);
        let named = made.not_expressed.iter().find(|line| line.contains("#vendor-domain-kaspersky-com")).unwrap();
        assert!(named.contains("eugene.kaspersky.com"), "{named}");
    }
    let rpz = shipped(Form::Rpz);
    assert!(!active(&rpz).contains(&"*.kaspersky.com CNAME ."));
    assert!(rpz.text.contains("\n; *.kaspersky.com CNAME .\n"), "an administrator can put it in force");
}

#[test]
fn no_lookalike_is_hit_by_any_order_that_ships() {
    let library = library();
    let day = date(2026, 11, 23);
    for order in library.orders.values() {
        let dossiers = library.dossiers_of(order).unwrap();
        let values = |name: &str| -> Vec<String> {
            let attribute = Attribute::named(name).unwrap();
            let all = dossiers.iter().flat_map(|dossier| &dossier.lookalikes);
            all.flat_map(|one| one.artifact.values(attribute).map(str::to_owned).collect::<Vec<_>>()).collect()
        };
        let rpz = rules(order, &dossiers, Form::Rpz, day);
        let refused: Vec<_> = active(&rpz).into_iter().filter_map(|line| line.strip_suffix(" CNAME .")).collect();
        for name in values("dns.name") {
            let hit = |rule: &&str| rule.strip_prefix('*').map_or(*rule == name, |zone| name.ends_with(zone));
            assert!(!refused.iter().any(hit), "{}: {name}", order.id);
        }
        let apt = rules(order, &dossiers, Form::Apt, day).text;
        for name in values("deb.name") {
            assert!(!apt.contains(&format!("Package: {name}:any\n")), "{}: {name}", order.id);
        }
        let fapolicyd = rules(order, &dossiers, Form::Fapolicyd, day);
        let paths: Vec<_> = active(&fapolicyd).into_iter().filter_map(|line| line.split_once(" : ")).collect();
        for path in values("file.path").iter().chain(&values("process.path")).chain(&values("systemd.exec")) {
            let hit = |rule: &str| match rule.split_once('=') {
                Some(("dir", folder)) => path.starts_with(folder),
                Some(("path", file)) => path == file,
                _ => false,
            };
            assert!(!paths.iter().any(|(_, rule)| hit(rule)), "{}: {path}", order.id);
        }
    }
}

#[test]
fn a_vendor_the_order_does_not_name_gets_no_rule() {
    let library = library();
    let order = library.order("omb-m-23-13").unwrap();
    let kaspersky = library.dossier("kaspersky").unwrap();
    for form in Form::ALL {
        let made = rules(order, &[kaspersky], form, date(2026, 11, 23));
        assert_eq!(made.count, 0, "{form}");
        assert!(left(&made, "outside the order") || matches!(form, Form::Nftables), "{form}");
    }
}

#[test]
fn a_hosts_file_lists_names_and_says_what_it_cannot() {
    let made = shipped(Form::Hosts);
    let lines = active(&made);
    assert!(lines.contains(&"0.0.0.0 dc1.ksn.kaspersky-labs.com") && lines.contains(&":: kaspersky-labs.com"));
    assert!(!lines.iter().any(|line| line.contains('*')));
    assert_eq!(lines.len(), made.count);
    assert!(left(&made, "*.kaspersky-labs.com") && made.way_back.contains("# END ostrakon bod-17-01"));
}

#[test]
fn addresses_are_dropped_and_whole_networks_of_the_world_are_not() {
    let made = shipped(Form::Nftables);
    assert_eq!(made.count, 0, "every address of this dossier waits for a person");
    assert!(made.warnings.iter().any(|line| line.contains("drops nothing")), "{:?}", made.warnings);
    assert!(left(&made, "#ipv4") && left(&made, "use rpz") && left(&made, "#ksn-proxy-port"));
    let test = "under = [\"192.0.2.0/24\", \"2001:db8::/32\", \"0.0.0.0/0\"]\npresence = \"contact\"";
    let made = invented(&indicator("net", "ip.address", test), Form::Nftables);
    assert_eq!(made.count, 2);
    let text = &made.text;
    assert!(text.contains("\t\t\t192.0.2.0/24\n") && text.contains("\t\t\t2001:db8::/32\n"), "{text}");
    assert!(left(&made, "0.0.0.0/0") && made.way_back == "nft delete table inet ostrakon_bod_17_01");
    let at = |line: &str| text.find(line).unwrap();
    assert!(at("ct state established,related accept") < at("ip saddr @ostrakon_allow accept"));
    assert!(at("ip saddr @ostrakon_allow accept") < at("ip saddr @ostrakon_deny counter drop"));
}

#[test]
fn folders_are_denied_after_ostrakon_is_let_through() {
    let made = shipped(Form::Fapolicyd);
    let lines = active(&made);
    assert_eq!(lines[0], "allow perm=any uid=0 exe=/usr/bin/ostrakon : all");
    assert!(lines.contains(&"deny_audit perm=any all : dir=/opt/kaspersky/"));
    assert!(lines.contains(&"deny_audit perm=any all : path=/usr/bin/kesl-control"));
    assert!(!lines.iter().any(|line| line.contains("dir=/opt/kaspersky/kesl/")), "covered by the folder above");
    assert!(left(&made, "Program Files") || left(&made, "ProgramFiles"));
    assert_eq!(lines.len(), made.count + 1);
    let hash = "a".repeat(64);
    let test = format!("is = [\"{hash}\", \"abc\"]");
    let made = invented(&indicator("hash", "file.sha256", &test), Form::Fapolicyd);
    assert!(made.text.contains(&format!("deny_audit perm=any all : sha256hash={hash}\n")) && left(&made, "abc"));
    let shared = invented(&indicator("bin", "file.path", "under = [\"/usr/bin\", \"/opt\"]"), Form::Fapolicyd);
    assert_eq!(shared.count, 0, "a vendor owns neither");
}

#[test]
fn applocker_denies_whole_publishers_and_lets_windows_run() {
    let made = shipped(Form::Applocker);
    let text = &made.text;
    assert!(text.contains("PublisherName=\"O=AO KASPERSKY LAB, L=MOSCOW, C=RU\""));
    assert!(!text.contains("LAB*\""), "a star beside letters is a letter");
    assert!(left(&made, "Kaspersky Lab ZAO") && left(&made, "1027739867473"));
    assert!(text.contains(r#"Action="Deny">"#) && text.contains(r"%PROGRAMFILES%\Kaspersky Lab\*"));
    assert!(text.contains(r#"Path="%WINDIR%\*""#) && text.contains("EnforcementMode=\"Enabled\""));
    let ids: Vec<_> = text.split(" Id=\"").skip(1).map(|rest| &rest[..36]).collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert!(unique.len() == ids.len() && ids.iter().all(|id| id.chars().filter(|one| *one == '-').count() == 4));
    assert_eq!(text.matches("Action=\"Deny\"").count(), made.count);
    assert_eq!(made.text, shipped(Form::Applocker).text, "the same ids every time");
}

#[test]
fn app_control_allows_everything_it_does_not_deny() {
    let made = shipped(Form::Wdac);
    let text = &made.text;
    assert!(text.contains(r#"FilePath="%OSDRIVE%\Program Files (x86)\Kaspersky Lab\*""#));
    assert!(text.contains("<Option>Enabled:UMCI</Option>") && text.contains("<VersionEx>2026.11.23.0</VersionEx>"));
    assert_eq!(text.matches("FileName=\"*\"").count(), 2);
    assert_eq!(text.matches("<Deny ID=").count(), made.count);
    assert_eq!(text.matches("RuleID=\"ID_DENY_").count(), made.count);
    assert!(
        left(&made, "AO Kaspersky Lab") && !text.contains("<CertPublisher"),
        "a signer without CertRoot is refused"
    );
    let product = invented(&indicator("name", "pe.product_name", "is = \"A & B\""), Form::Wdac);
    assert!(product.text.contains(r#"ProductName="A &amp; B" MinimumFileVersion="65535.65535.65535.65535""#));
}

#[test]
fn santa_blocks_the_team() {
    let made = shipped(Form::Santa);
    assert!(made.text.contains("<string>2Y8XE5CQ94</string>") && made.text.contains("<string>BLOCKLIST</string>"));
    assert_eq!(made.text.matches("<key>identifier</key>").count(), made.count);
    assert!(left(&made, "file that may be of another system"));
}

#[test]
fn browsers_take_extensions_away_and_refuse_sites() {
    let made = shipped(Form::ChromePolicy);
    let chrome: Value = serde_json::from_str(&made.text).unwrap();
    let mode = &chrome["ExtensionSettings"]["ahkjpbeeocnddjkakilopmfdlnjdpcdm"]["installation_mode"];
    assert_eq!(mode, "removed");
    let sites: Vec<_> = chrome["URLBlocklist"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(sites.contains(&"kaspersky-labs.com") && sites.contains(&".crl.kaspersky.com"), "{sites:?}");
    assert!(!made.text.contains("injhfeogoehjhhacaaahfbkjlomhpgnj"), "only possible");
    let made = shipped(Form::FirefoxPolicy);
    let firefox: Value = serde_json::from_str(&made.text).unwrap();
    let policies = &firefox["policies"];
    assert_eq!(policies["ExtensionSettings"]["url_advisor@kaspersky.com"]["installation_mode"], "blocked");
    let block = policies["WebsiteFilter"]["Block"].as_array().unwrap();
    assert!(block.iter().any(|site| site == "*://*.kaspersky-labs.com/*"));
    assert!(block.iter().any(|site| site == "*://crl.kaspersky.com/*"));
    assert!(left(&made, "*@kaspersky.com"));
}

#[test]
fn packages_are_refused_for_every_architecture() {
    let apt = shipped(Form::Apt);
    assert!(apt.text.contains("\nPackage: kesl:any\nPin: release *\nPin-Priority: -1\n"));
    assert_eq!(apt.text.matches("\nPackage: ").count(), apt.count);
    assert!(apt.text.contains("Package: kasperskyos-community-edition*:any\n") && left(&apt, "^kpsn"));
    let dnf = shipped(Form::Dnf);
    let line = active(&dnf).into_iter().find_map(|line| line.strip_prefix("excludepkgs=")).unwrap().to_owned();
    let names: Vec<_> = line.split(',').collect();
    assert!(names.contains(&"kesl") && names.contains(&"klnagent64") && names.len() == dnf.count, "{line}");
    for wide in ["glob = \"*\"", "glob = \"k*\"", "prefix = \"kl\""] {
        assert_eq!(invented(&indicator("wide", "deb.name", wide), Form::Apt).count, 0, "{wide}");
    }
}

#[test]
fn nothing_from_a_dossier_or_an_order_breaks_out_of_its_place() {
    let evil =
        r#"is = ["EVIL\n*.com CNAME .", "EVIL.com CNAME . ;", "a\"><EVIL/>", "/opt/x : all\nallow EVIL", "EVIL,*"]"#;
    let all: String = [
        "dns.name",
        "file.path",
        "file.sha256",
        "deb.name",
        "rpm.name",
        "ip.address",
        "macos.team_id",
        "chrome.extension_id",
        "firefox.addon_id",
        "signature.subject.common_name",
        "applocker.publisher",
        "pe.product_name",
    ]
    .iter()
    .enumerate()
    .map(|(at, on)| indicator(&format!("evil-{at}"), on, evil))
    .collect();
    for form in Form::ALL {
        let made = invented(&all, form);
        let rules: Vec<_> = match form {
            // In XML the value stands in an attribute, its marks escaped.
            Form::Wdac | Form::Applocker | Form::Santa => {
                let body = made.text.split_once("\n-->\n").unwrap().1;
                assert!(!body.contains("<EVIL") && body.matches("EVIL").count() <= made.count, "{body}");
                continue;
            }
            _ => active(&made),
        };
        assert_eq!((made.count, rules.iter().find(|line| line.contains("EVIL"))), (0, None), "{form}");
        assert!(left(&made, "EVIL") || matches!(form, Form::Nftables), "{form}: {:?}", made.not_expressed);
    }
    let library = library();
    let mut order = library.order("bod-17-01").unwrap().clone();
    order.title = "a --> <b/>\nEVIL\r\u{2028}EVIL".to_owned();
    let kaspersky = library.dossier("kaspersky").unwrap();
    for form in Form::ALL {
        let text = rules(&order, &[kaspersky], form, date(2026, 11, 23)).text;
        match text.split_once("<!--") {
            Some((_, rest)) => assert!(!rest.split_once("\n-->").unwrap().0.contains("--"), "{form}"),
            None => assert!(!text.lines().any(|line| line.starts_with("EVIL")), "{form}"),
        }
    }
}

/// Writes the rules to a file of a new folder.
fn written(made: &Rules, name: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, &made.text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

/// Runs a tool that must be content, and gives what it says.
fn run(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
#[ignore = "needs nft and unshare"]
fn nft_loads_the_table_twice_and_takes_it_away() {
    let test =
        "under = [\"192.0.2.0/24\", \"192.0.2.7\", \"2001:db8::/32\", \"2001:db8:1::/48\"]\npresence = \"contact\"";
    for made in [shipped(Form::Nftables), invented(&indicator("net", "ip.address", test), Form::Nftables)] {
        let (_dir, path) = written(&made, "rules.nft");
        let back = &made.way_back;
        let script = format!("nft -c -f {path} && nft -f {path} && nft -f {path} && {back} && nft list ruleset");
        assert_eq!(run("unshare", &["-rn", "sh", "-c", &script]), "");
    }
}

#[test]
#[ignore = "needs named-checkzone"]
fn named_checkzone_loads_every_zone() {
    for order in library().orders.keys() {
        let (_dir, path) = written(&of(order, Form::Rpz), "zone");
        let said = run("named-checkzone", &["-i", "full", &format!("{order}.rpz.ostrakon.invalid"), &path]);
        assert!(said.contains("loaded serial 2026112301") && said.contains("OK"), "{said}");
    }
}

#[test]
#[ignore = "needs fapolicyd and unshare"]
fn fapolicyd_loads_the_rules() {
    // In a namespace of its own the daemon reads its rules and then stops, for want of rights.
    for order in library().orders.keys() {
        let made = of(order, Form::Fapolicyd);
        let (dir, _) = written(&made, "compiled.rules");
        let dir = dir.path().display();
        let script = format!(
            "cp /etc/fapolicyd/fapolicyd.conf {dir} && mount --bind {dir} /etc/fapolicyd && \
             timeout 10 fapolicyd --debug --permissive; true"
        );
        let said = run("unshare", &["-rm", "sh", "-c", &script]);
        assert!(said.contains(&format!("Loaded {} rules", made.count + 1)), "{said}");
    }
}

#[test]
#[ignore = "needs xmllint and python3"]
fn xml_is_well_formed_and_the_profile_is_a_property_list() {
    for order in library().orders.keys() {
        for form in [Form::Applocker, Form::Wdac, Form::Santa] {
            let (_dir, path) = written(&of(order, form), "rules.xml");
            run("xmllint", &["--noout", "--nonet", &path]);
        }
        let made = of(order, Form::Santa);
        let (_dir, path) = written(&made, "santa.mobileconfig");
        let script = "import plistlib, sys; p = plistlib.load(open(sys.argv[1], 'rb')); \
                      assert p['PayloadType'] == 'Configuration'; c = p['PayloadContent'][0]; \
                      assert c['PayloadType'] == 'com.northpolesec.santa'; print(len(c['StaticRules']))";
        assert_eq!(run("python3", &["-c", script, &path]).trim(), made.count.to_string());
    }
}

#[test]
#[ignore = "needs apt-get and apt-cache"]
fn apt_has_no_candidate_for_a_refused_package() {
    let (dir, preferences) = written(&shipped(Form::Apt), "preferences");
    let root = dir.path().display().to_string();
    for folder in ["lists/partial", "cache/archives/partial", "etc/apt.conf.d", "repository"] {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    let mut packages = String::new();
    for (name, architecture) in [("kesl", "amd64"), ("kesl", "i386"), ("hello", "amd64")] {
        packages.push_str(&format!(
            "Package: {name}\nVersion: 1\nArchitecture: {architecture}\nMaintainer: x\nFilename: ./x\nSize: 1\n\
             SHA256: {}\nDescription: x\n\n",
            "0".repeat(64)
        ));
    }
    std::fs::write(dir.path().join("repository/Packages"), packages).unwrap();
    std::fs::write(dir.path().join("status"), "").unwrap();
    std::fs::write(dir.path().join("sources.list"), format!("deb [trusted=yes] file:{root}/repository ./\n")).unwrap();
    let configuration = format!(
        "Dir::State \"{root}\"; Dir::State::lists \"{root}/lists\"; Dir::State::status \"{root}/status\";\n\
         Dir::Cache \"{root}/cache\"; Dir::Etc \"{root}/etc\"; Dir::Etc::sourcelist \"{root}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\"; Dir::Etc::preferences \"{preferences}\";\n\
         Dir::Etc::preferencesparts \"/dev/null\"; APT::Sandbox::User \"root\"; APT::Architecture \"amd64\";\n\
         APT::Architectures {{ \"amd64\"; \"i386\"; }};\n"
    );
    let file = dir.path().join("apt.conf");
    std::fs::write(&file, configuration).unwrap();
    let file = file.to_str().unwrap();
    run("apt-get", &["-c", file, "-q", "update"]);
    for (package, candidate) in [("kesl", "(none)"), ("kesl:i386", "(none)"), ("hello", "1")] {
        let said = run("apt-cache", &["-c", file, "policy", package]);
        assert!(said.contains(&format!("Candidate: {candidate}\n")), "{package}: {said}");
    }
}

#[test]
#[ignore = "needs python3"]
fn python_reads_the_settings_of_dnf_and_of_browsers() {
    let dnf = shipped(Form::Dnf);
    let (_dir, path) = written(&dnf, "dnf.conf");
    let script = "import configparser, sys; c = configparser.ConfigParser(interpolation=None); c.read(sys.argv[1]); \
                  print(len(c['main']['excludepkgs'].split(',')))";
    assert_eq!(run("python3", &["-c", script, &path]).trim(), dnf.count.to_string());
    for form in [Form::ChromePolicy, Form::FirefoxPolicy] {
        let (_dir, path) = written(&shipped(form), "policy.json");
        run("python3", &["-m", "json.tool", &path]);
    }
}
