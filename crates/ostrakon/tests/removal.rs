//! The whole way on machines of the tests' own, and every fault on the way: whatever cuts the program off, whatever a
//! package's scripts do, nothing is lost, and nothing is called gone that is there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod way;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use way::{APPROVE, BACK, DRAFT, POLICY, REMOVE, RESUME, Stranger, WAIVER, Way};
use way::{contents, copy, differences, fixture, program, said, sample, sample_with_metadata, says, script};

const NOTHING: [&str; 0] = [];

#[test]
fn the_demo_goes_the_whole_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (program, kept) = (folder.path().join("ostrakon"), folder.path().join("demo"));
    copy(&way::program(), &program);
    let mut demo = Command::new(program);
    demo.args(["demo", "--keep"]).arg(&kept);
    if rustix::process::geteuid().is_root() {
        demo.uid(65534).gid(65534);
    }
    let demo = demo.output().unwrap();
    assert_eq!(demo.status.code(), Some(0), "{}", said(&demo));
    Stranger::new().believes(&kept.join("proof.json"), &kept.join("status.md"));
}

/// From the first look to the proof, and all the way back. `ask`: what asks the machine's package manager for the vendor's
/// packages, and what it says before and afterwards.
fn whole_way(way: &Way, ask: &[&str], known: &str, unknown: &str) {
    let asked = || String::from_utf8(way.inside(ask).stdout).unwrap();
    assert_eq!(asked(), known);
    let before = way.listing();
    way.does(0, "keys new r.roe");
    way.does(0, "inventory root --out before.ostrakon");
    way.policy(POLICY);
    let refused = way.does(1, DRAFT);
    assert!(says(&refused, "protection-gap"), "{refused}");
    way.policy(&format!("{POLICY}{WAIVER}"));
    way.does(0, DRAFT);
    way.does(0, APPROVE);
    // Its package manager and the scripts are that root's own programs.
    let refused = way.does(2, &REMOVE.replace(" --trust-root", ""));
    assert!(says(&refused, "--trust-root"), "{refused}");
    let touched = way.touched();
    way.does(0, &format!("{REMOVE} --dry-run"));
    assert!(way.touched() == touched);
    way.does(0, REMOVE);
    assert_eq!(asked(), unknown);
    let touched = way.touched();
    assert!(!touched.iter().any(|line| line.contains("opt/kaspersky")), "{touched:#?}");
    let again = way.does(0, REMOVE);
    assert!(says(&again, "nothing was changed"), "{again}");
    assert!(way.touched() == touched);

    way.does(0, "inventory root --out after.ostrakon");
    way.does(0, "verify after.ostrakon --order bod-17-01 --since before.ostrakon");
    way.does(0, "verify root --order bod-17-01 --since before.ostrakon");
    let report = "report status before.ostrakon after.ostrakon --order bod-17-01 --plan plan.json";
    for form in ["md", "html", "json", "xlsx", "oscal"] {
        way.does(0, &format!("{report} --as {form} --out status.{form}"));
    }
    for name in ["assessment-plan", "assessment-results", "poam"] {
        assert!(way.folder.join(format!("status.oscal/{name}.json")).is_file(), "{name}");
    }
    let stranger = Stranger::new();
    for form in ["html", "xlsx"] {
        way.does(0, &format!("ledger prove status.{form} --out proof.json"));
        stranger.believes(&way.folder.join("proof.json"), &way.folder.join(format!("status.{form}")));
    }

    way.does(0, BACK);
    assert_eq!(asked(), known);
    assert_eq!(differences(&before, &way.listing()), NOTHING);
    way.does(0, "ledger verify");
}

#[test]
#[ignore = "needs root and debootstrap"]
fn a_debian_root_goes_the_whole_way_and_back() {
    let way = Way::to(|root| drop(fixture("debian-root.sh", &[], root)));
    let ask = ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", "kesl", "kesl-gui", "klnagent64"];
    let known = "kesl install ok installed\nkesl-gui deinstall ok config-files\nklnagent64 install ok installed\n";
    whole_way(&way, &ask, known, "");
}

#[test]
#[ignore = "needs root and rpm"]
fn an_rpm_root_goes_the_whole_way_and_back() {
    let mut way = Way::to(|root| drop(fixture("rpm-root.sh", &["--shell"], root)));
    way.by = way.mounted("mount -t proc proc \"$0/root/proc\" && exec \"$@\"");
    let known = "kesl-12.1.0-1508.x86_64\nklnagent64-15.0.0-12912.x86_64\n";
    let unknown = "package kesl is not installed\npackage klnagent64 is not installed\n";
    whole_way(&way, &["rpm", "-q", "kesl", "klnagent64"], known, unknown);
}

/// What scripts in a booted machine share.
const LIVE: &str = r#"
export OSTRAKON_HOME=/root/home NO_COLOR=1
cd /root
does() { # does CODE WORDS...: the program must end so
  local code=$1 got=0
  shift
  /mnt/ostrakon/ostrakon "$@" >said 2>&1 || got=$?
  [ $got = $code ] || { echo "$* ended with $got:"; cat said; }
}
state() { # of the units, and how many processes of the product run
  systemctl is-active kesl klnagent
  readlink /proc/[0-9]*/exe | grep -c ^/opt/kaspersky/
}
plan() {
  does 0 keys new r.roe
  does 0 inventory --out before.ostrakon
  does 0 plan draft before.ostrakon --order bod-17-01 --out plan.json
  does 0 plan approve --plan plan.json --key r.roe
}
"#;

/// A machine with a systemd of its own, and in `bind` what it is shown.
fn booted(arguments: &[&str]) -> Way {
    let way = Way::to(|root| drop(fixture("booted-root.sh", arguments, root)));
    fs::create_dir(way.folder.join("bind")).unwrap();
    copy(&program(), &way.folder.join("bind/ostrakon"));
    copy(&way.folder.join("home"), &way.root.join("root"));
    way
}

/// Boots the machine, runs a script in it and shuts it down; what the script prints.
fn live(way: &Way, commands: &str) -> String {
    let mut boot = script("boot.sh");
    boot.arg("--bind-ro").arg(way.folder.join("bind")).arg(&way.root);
    let output = boot.args(["bash", "-c", &format!("{LIVE}{commands}")]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs root, debootstrap and systemd-container"]
fn a_running_machine_goes_the_whole_way_and_back() {
    let way = booted(&[]);
    let before = way.listing();
    let gone = live(&way, "state; plan; does 0 remove --plan plan.json; state");
    assert_eq!(gone, "active\nactive\n2\ninactive\ninactive\n0\n");
    // After a restart too. And a restart later all of it runs again.
    let verify = "does 0 verify --order bod-17-01 --since before.ostrakon";
    let ask = "dpkg-query -W -f '${Package} ${Status}\\n' kesl klnagent64";
    let back = live(&way, &format!("state; {verify}; does 0 remove rollback; state; {ask}"));
    let known = "kesl install ok installed\nklnagent64 install ok installed\n";
    assert_eq!(back, format!("inactive\ninactive\n0\nactive\nactive\n2\n{known}"));
    assert_eq!(live(&way, "state"), "active\nactive\n2\n");
    let of_the_system = ["root", "var/log/journal", "var/log/wtmp", "var/tmp", "var/lib/systemd/linger"];
    let mut left = differences(&before, &way.listing());
    left.retain(|line| !of_the_system.iter().any(|path| line.starts_with(path)));
    assert_eq!(left, NOTHING);
}

#[test]
#[ignore = "needs root, debootstrap and systemd-container"]
fn a_product_that_comes_back_to_life_is_no_success() {
    let way = booted(&["--clean"]);
    fixture("troubled-debs.sh", &[], &way.folder.join("debs"));
    copy(&way.folder.join("debs/kesl-postrm-respawns.deb"), &way.root.join("root/kesl.deb"));
    let commands = "dpkg -i kesl.deb >log 2>&1; rm kesl.deb; state; plan; does 1 remove --plan plan.json; state";
    let alive = live(&way, &format!("{commands}; grep -c '^still there' said"));
    assert_eq!(alive, "active\ninactive\n1\ninactive\ninactive\n1\n1\n");
    // In a root of another machine, too, nothing that the scripts started may be left behind a success.
    let way = troubled("postrm-respawns");
    way.plan();
    let removed = way.run(REMOVE);
    assert!(removed.status.code() != Some(0) || way.processes().is_empty(), "{}", said(&removed));
}

/// A plain machine with the package that goes wrong in the way called `kind`.
fn troubled(kind: &str) -> Way {
    let way = Way::to(|root| drop(fixture("debian-root.sh", &["--plain"], root)));
    fixture("troubled-debs.sh", &[], &way.folder.join("debs"));
    way.install(&format!("kesl-{kind}"));
    way
}

/// Packs `debs/PACKAGE.deb`, which holds `files`.
fn pack(way: &Way, package: &str, maintainer: &str, files: &[String]) {
    let tree = way.folder.join(package);
    let control = format!(
        "Package: {package}\nVersion: 1.0\nArchitecture: all\nMaintainer: {maintainer} <a@b.example>\nDescription: {package}\n"
    );
    for (path, text) in files.iter().map(|path| (path.as_str(), path)).chain([("DEBIAN/control", &control)]) {
        let file = tree.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::create_dir_all(way.folder.join("debs")).unwrap();
    let deb = way.folder.join(format!("debs/{package}.deb"));
    let packed = Command::new("dpkg-deb").args(["--root-owner-group", "-b"]).args([tree, deb]).output().unwrap();
    assert!(packed.status.success(), "{}", said(&packed));
}

#[test]
#[ignore = "needs root and debootstrap"]
fn a_script_that_fails_stops_the_removal_and_is_named() {
    let way = troubled("prerm-fails");
    let before = way.listing();
    way.plan();
    let stopped = way.does(2, REMOVE);
    assert!(says(&stopped, "pre-removal script"), "{stopped}");
    way.does(0, BACK);
    assert_eq!(way.knows("kesl"), "install ok installed");
    assert_eq!(differences(&before, &way.listing()), NOTHING);
    // What somebody installs before it is taken back is still installed afterwards.
    way.does(2, REMOVE);
    pack(&way, "other", "Others", &["usr/share/other/notes".to_owned()]);
    way.install("other");
    let back = way.run(BACK);
    assert!(matches!(back.status.code(), Some(0 | 1)), "{}", said(&back));
    assert_eq!(way.knows("other"), "install ok installed");
    assert!(way.knows("kesl").ends_with(" ok installed"), "{}", way.knows("kesl"));
}

#[test]
#[ignore = "needs root and debootstrap"]
fn a_script_that_hangs_is_ended_with_all_it_started() {
    let way = troubled("prerm-hangs");
    let before = way.listing();
    way.plan();
    let stopped = way.does(2, &format!("{REMOVE} --deadline 3"));
    assert!(says(&stopped, "it had not come to an end after 3 s"), "{stopped}");
    assert!(way.processes().is_empty());
    way.does(0, BACK);
    assert_eq!(way.knows("kesl"), "install ok installed");
    assert_eq!(differences(&before, &way.listing()), NOTHING);
}

#[test]
#[ignore = "needs root and debootstrap"]
fn while_one_removal_is_at_work_no_other_begins() {
    let way = troubled("prerm-hangs");
    let before = way.listing();
    way.plan();
    let first = way.start(REMOVE);
    way.until_it_hangs();
    for words in [REMOVE, BACK] {
        let refused = way.does(2, words);
        assert!(says(&refused, "another removal works on"), "{refused}");
    }
    way.end_processes();
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(2), "{}", said(&first));
    way.does(0, BACK);
    assert_eq!(differences(&before, &way.listing()), NOTHING);
}

#[test]
#[ignore = "needs root and debootstrap"]
fn nothing_is_taken_back_under_a_package_manager_at_work() {
    let way = troubled("prerm-hangs");
    let before = way.listing();
    way.plan();
    let mut removal = way.start(REMOVE);
    way.until_it_hangs();
    removal.kill().unwrap();
    removal.wait().unwrap();
    let back = way.run(&format!("{BACK} --deadline 2"));
    assert!(!way.processes().is_empty() && back.status.code() != Some(0), "{}", said(&back));
    way.end_processes();
    way.does(0, BACK);
    assert_eq!(way.knows("kesl"), "install ok installed");
    assert_eq!(differences(&before, &way.listing()), NOTHING);
}

#[test]
#[ignore = "needs root and debootstrap"]
fn files_an_uninstaller_leaves_are_taken_too() {
    let way = troubled("postrm-leaves");
    way.plan();
    way.does(0, REMOVE);
    assert_eq!(way.knows("kesl"), "");
    for path in ["opt/kaspersky", "var/opt/kaspersky", "usr/bin/kesl-control", "usr/lib/systemd/system/kesl.service"] {
        assert!(fs::symlink_metadata(way.root.join(path)).is_err(), "{path}");
    }
    way.does(0, "identify root --order bod-17-01");
}

#[test]
#[ignore = "needs root and debootstrap"]
fn a_package_that_others_need_is_not_removed() {
    let way = troubled("orderly");
    way.install("site-monitor");
    way.does(0, "keys new r.roe");
    way.does(0, "inventory root --out before.ostrakon");
    let refused = way.does(1, DRAFT);
    assert!(says(&refused, "needed-package") && says(&refused, "site-monitor needs kesl"), "{refused}");
    way.does(2, APPROVE);
}

#[test]
#[ignore = "needs root and debootstrap"]
fn a_package_of_many_files_comes_back_whole() {
    let way = Way::to(|root| drop(fixture("debian-root.sh", &["--plain"], root)));
    let files = (0..900).map(|page| format!("usr/share/kesl/a-page-of-the-manual-whose-name-is-long-{page:04}.txt"));
    pack(&way, "kesl", "AO Kaspersky Lab", &files.collect::<Vec<_>>());
    way.install("kesl");
    let before = way.listing();
    way.plan();
    way.does(0, REMOVE);
    way.does(0, BACK);
    assert_eq!(differences(&before, &way.listing()), NOTHING);
}

/// Words before a command that kill the program where it begins the `at`-th of these system calls.
fn killed(calls: &str, at: usize) -> Vec<String> {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:signal=SIGKILL:when={at}"));
    ["strace", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned).into()
}

/// Every line of the journal is made durable by this call.
const JOURNAL: &str = "fdatasync";
/// Every change of names in the machine, the quarantine and the ledger.
const NAMES: &str = "fsync,?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?linkat,?symlinkat,?symlink";

/// Cuts removals off, each `step` calls later than the one before, until one comes to its end. They are gone on with and
/// taken back, or taken back at once.
fn cut_off(way: &Way, calls: &str, step: usize) {
    let before = way.listing();
    for round in 0.. {
        let at = 1 + round * step;
        let receipts = way.receipts();
        let cut = way.run_by(&killed(calls, at), REMOVE);
        let ended = cut.status.code() == Some(0);
        assert!(ended || cut.status.signal() == Some(9), "{calls} {at}: {}", said(&cut));
        let mut begun = way.is_under_way();
        if ended || round % 2 == 0 {
            let on = way.run(if begun { RESUME } else { REMOVE });
            assert_eq!(on.status.code(), Some(0), "{calls} {at}: {}", said(&on));
            assert!(way.receipts() > receipts, "{calls} {at}: the ledger has no receipt of the removal");
            begun = true;
        }
        let receipts = way.receipts();
        let back = way.run(BACK);
        assert_eq!(differences(&before, &way.listing()), NOTHING, "{calls} {at}: {}", said(&back));
        if begun {
            assert_eq!(back.status.code(), Some(0), "{calls} {at}: {}", said(&back));
            assert!(way.receipts() > receipts, "{calls} {at}: the ledger has no receipt of the way back");
        }
        if ended {
            assert!(round > 2, "{calls}: nothing was cut off");
            break;
        }
    }
    way.does(0, "ledger verify");
}

/// Cuts the way back off, in the same manner, and goes back again.
fn cut_off_going_back(way: &Way, calls: &str, step: usize) {
    let before = way.listing();
    for round in 0.. {
        let at = 1 + round * step;
        way.does(0, REMOVE);
        let receipts = way.receipts();
        let cut = way.run_by(&killed(calls, at), BACK);
        let ended = cut.status.code() == Some(0);
        assert!(ended || cut.status.signal() == Some(9), "{calls} {at}: {}", said(&cut));
        if !ended {
            let back = way.run(BACK);
            assert_eq!(back.status.code(), Some(0), "{calls} {at}: {}", said(&back));
        }
        assert!(way.receipts() > receipts, "{calls} {at}: the ledger has no receipt of the way back");
        assert_eq!(differences(&before, &way.listing()), NOTHING, "{calls} {at}");
        if ended {
            assert!(round > 2, "{calls}: nothing was cut off");
            break;
        }
    }
    way.does(0, "ledger verify");
}

#[test]
#[ignore = "needs root, strace, attr, acl, e2fsprogs and libcap2-bin"]
fn a_removal_that_is_cut_off_anywhere_goes_on_or_back() {
    let way = Way::to(sample);
    way.plan();
    cut_off(&way, JOURNAL, 1);
    let way = Way::to(|root| sample_with_metadata(root, &[]));
    way.plan();
    cut_off(&way, NAMES, 41);
}

#[test]
#[ignore = "needs root, strace, attr, acl, e2fsprogs and libcap2-bin"]
fn a_way_back_that_is_cut_off_anywhere_is_gone_to_its_end() {
    let way = Way::to(sample);
    way.plan();
    cut_off_going_back(&way, JOURNAL, 1);
    let way = Way::to(|root| sample_with_metadata(root, &[]));
    way.plan();
    cut_off_going_back(&way, NAMES, 37);
}

#[test]
#[ignore = "needs root, debootstrap and strace"]
fn a_package_survives_cuts_on_both_ways() {
    let way = troubled("orderly");
    way.plan();
    cut_off(&way, JOURNAL, 4);
    cut_off(&way, NAMES, 13);
    cut_off_going_back(&way, NAMES, 13);
}

#[test]
#[ignore = "needs root, attr, acl, e2fsprogs and libcap2-bin"]
fn a_path_too_long_for_the_system_is_no_loss() {
    let way = Way::to(|root| sample_with_metadata(root, &["--long"]));
    let before = way.listing();
    way.plan();
    let removed = way.run(REMOVE);
    assert!(matches!(removed.status.code(), Some(0 | 2)), "{}", said(&removed));
    way.does(0, BACK);
    assert_eq!(differences(&before, &way.listing()), NOTHING);
}

#[test]
#[ignore = "needs root, for mounts"]
fn a_full_disk_stops_it_before_anything_is_lost() {
    // The home lies on a small disk; what was written there stays when the disk goes.
    const SMALL: &str = "mount -t tmpfs -o size=200k small \"$0/small\" && cp -a \"$0/home/.\" \"$0/small\" && \
        mount --bind \"$0/small\" \"$0/home\" || exit 99; \"$@\"; code=$?; \
        umount \"$0/home\" && cp -a \"$0/small/.\" \"$0/home\" || exit 99; exit $code";
    let way = Way::to(sample);
    let random = Command::new("head").args(["-c", "1000000", "/dev/urandom"]).output().unwrap();
    fs::write(way.root.join("opt/kaspersky/kesl/data"), random.stdout).unwrap();
    fs::create_dir(way.folder.join("small")).unwrap();
    let before = way.listing();
    way.plan();
    let stopped = way.run_by(&way.mounted(SMALL), REMOVE);
    assert_eq!(stopped.status.code(), Some(2), "{}", said(&stopped));
    assert!(says(&said(&stopped), "No space left on device"), "{}", said(&stopped));
    let mut away = differences(&before, &way.listing());
    away.retain(|line| line.starts_with("opt/"));
    assert_eq!(away, NOTHING);
    // With room again.
    way.does(0, RESUME);
    assert!(fs::symlink_metadata(way.root.join("opt/kaspersky")).is_err());
    way.does(0, BACK);
    assert_eq!(differences(&before, &way.listing()), NOTHING);
    way.does(0, "ledger verify");
}

#[test]
#[ignore = "needs root, for mounts"]
fn a_machine_that_cannot_be_written_to_is_left_as_it_is() {
    let way = Way::to(sample);
    let before = way.listing();
    way.plan();
    let fixed = "mount --bind \"$0/root\" \"$0/root\" && mount -o remount,bind,ro \"$0/root\" && exec \"$@\"";
    let stopped = way.run_by(&way.mounted(fixed), REMOVE);
    assert_eq!(stopped.status.code(), Some(2), "{}", said(&stopped));
    assert!(says(&said(&stopped), "Read-only file system"), "{}", said(&stopped));
    assert!(way.listing() == before);
    way.does(0, RESUME);
    way.does(0, BACK);
    assert_eq!(differences(&before, &way.listing()), NOTHING);
}

#[test]
fn what_changed_since_the_plan_is_not_touched() {
    let way = Way::to(sample);
    way.plan();
    let unit = way.root.join("usr/lib/systemd/system/kesl.service");
    fs::write(&unit, fs::read_to_string(&unit).unwrap() + "# another unit now\n").unwrap();
    let before = contents(&way.root);
    let refused = way.does(2, REMOVE);
    assert!(says(&refused, "it changed since the plan was made"), "{refused}");
    assert!(contents(&way.root) == before);
}

#[test]
fn what_was_installed_again_is_there_again() {
    let way = Way::to(sample);
    way.plan();
    copy(&way.root, &way.folder.join("image"));
    way.does(0, REMOVE);
    let verify = "verify root --order bod-17-01 --since before.ostrakon";
    way.does(0, verify);
    way.does(0, "inventory root --out between.ostrakon");
    copy(&way.folder.join("image/."), &way.root);
    let there = way.does(1, verify);
    assert!(says(&there, "still there"), "{there}");
    let back = way.does(1, &format!("{verify} --since between.ostrakon"));
    assert!(says(&back, "back again"), "{back}");
}

#[test]
fn a_plan_nobody_may_approve_or_that_was_edited_is_refused() {
    let way = Way::to(sample);
    way.plan();
    let before = contents(&way.root);
    let file = way.folder.join("plan.json");
    let approved = fs::read_to_string(&file).unwrap();
    let refuses = |plan: &str, words: &str| {
        fs::write(&file, plan).unwrap();
        let refused = way.does(2, REMOVE);
        assert!(says(&refused, words), "{refused}");
        assert!(contents(&way.root) == before);
    };
    // One letter in the path of an action.
    let edited = approved.replacen("\"path\": \"/opt/kaspersky\"", "\"path\": \"/opt/kasperski\"", 1);
    assert_ne!(edited, approved);
    refuses(&edited, "is void: the plan is not the one that was approved");
    // Nobody's approval, and a stranger's.
    way.does(0, DRAFT);
    let draft = fs::read_to_string(&file).unwrap();
    refuses(&draft, "the plan has 0 of 1 approval(s)");
    way.does(0, "keys new stranger --home elsewhere");
    let stranger = format!("{APPROVE} --key elsewhere/keys/stranger.key").replace(" --key r.roe", "");
    let refused = way.does(2, &stranger);
    assert!(says(&refused, "may not approve plans here"), "{refused}");
    way.does(0, &format!("{stranger} --home elsewhere"));
    let foreign = fs::read_to_string(&file).unwrap();
    refuses(&foreign, "does not count: not an approver here");
    // A waiver that has run out since.
    way.policy(&format!("{POLICY}{WAIVER}").replace("2099-12-31", "2020-06-01"));
    way.does(0, &format!("{DRAFT} --today 2020-05-01"));
    let refused = way.does(2, APPROVE);
    assert!(says(&refused, "waiver-expired"), "{refused}");
    way.does(0, &format!("{APPROVE} --today 2020-05-02"));
    let expired = fs::read_to_string(&file).unwrap();
    refuses(&expired, "waiver-expired");
}

#[test]
fn two_must_approve_where_the_policy_wants_two() {
    let way = Way::to(sample);
    for name in ["one", "two", "three"] {
        way.does(0, &format!("keys new {name}"));
    }
    let key = |name: &str| String::from_utf8(way.run(&format!("keys show {name}")).stdout).unwrap().trim().to_owned();
    let approval = format!("[approval]\nrequired = 2\napprovers = [\"{}\", \"{}\"]\n", key("one"), key("two"));
    way.policy(&format!("{POLICY}{WAIVER}{approval}"));
    way.does(0, "inventory root --out before.ostrakon");
    way.does(0, DRAFT);
    let approve = |code, name: &str| way.does(code, &format!("plan approve --plan plan.json --key {name}"));
    approve(0, "one");
    // The same one again is still one, and a third one is nobody.
    approve(0, "one");
    approve(2, "three");
    let refused = way.does(2, REMOVE);
    assert!(says(&refused, "has 1 of 2 approval(s)"), "{refused}");
    approve(0, "two");
    way.does(0, REMOVE);
}
