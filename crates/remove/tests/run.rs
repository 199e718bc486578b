//! Runs on a root of this test's own: what is moved comes back as it was, whatever cuts a run off and wherever.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::{Date, date};
use ostrakon_ledger::SecretKey;
use ostrakon_model::{Grade, Presence};
use ostrakon_plan::action::{Action, Step};
use ostrakon_plan::{Approved, Approvers, AssetPlan, OrderRef, Plan, Planned, SCHEMA, Signed, Wave};
use ostrakon_remove::run::{Fresh, FreshEvidence, State};
use ostrakon_remove::{Journal, Outcome, Root, Run};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const TODAY: Date = date(2018, 1, 2);
const DEADLINE: Duration = Duration::from_secs(20);

fn now() -> String {
    "2018-01-02T10:00:00Z".to_owned()
}

fn action(number: usize, step: Step) -> Action {
    Action {
        id: format!("a{number:02}"),
        step,
        findings: vec!["f1".to_owned()],
        precondition: String::new(),
        needs: Vec::new(),
        effect: String::new(),
        verification: String::new(),
        way_back: String::new(),
    }
}

fn approved(steps: Vec<Step>) -> Approved {
    let places = steps.iter().flat_map(|step| step.paths().map(str::to_owned).collect::<Vec<_>>()).collect();
    let finding = Planned {
        id: "f1".to_owned(),
        product: "kaspersky/kesl".to_owned(),
        title: "The product".to_owned(),
        presence: Presence::Installed,
        grade: Grade::Confirmed,
        places,
        needed_by: Vec::new(),
    };
    let plan = Plan {
        schema: SCHEMA.to_owned(),
        order: OrderRef { id: "o".to_owned(), title: String::new(), issuer: String::new(), digest: String::new() },
        generation: 1,
        parent: None,
        drafted: TODAY,
        tool: String::new(),
        policy: String::new(),
        approval: None,
        begins: None,
        ahead: false,
        elements: Vec::new(),
        waves: vec![Wave { number: 1, begins: TODAY, limit: 1 }],
        assets: vec![AssetPlan {
            id: "pc7".to_owned(),
            name: "pc7".to_owned(),
            os: String::new(),
            component: String::new(),
            mission_function: String::new(),
            wave: 1,
            looked: String::new(),
            findings: vec![finding],
            controls: Vec::new(),
            actions: steps.into_iter().enumerate().map(|(at, step)| action(at + 1, step)).collect(),
        }],
        left: Vec::new(),
        waits: Vec::new(),
    };
    let key = SecretKey::generate("roe").unwrap();
    let approvers = Approvers { required: 1, keys: vec![key.public().clone()] };
    let mut signed = Signed::unapproved(plan);
    signed.approve(&key, &approvers, TODAY, &[]).unwrap();
    signed.approved(&approvers, TODAY, &[]).unwrap()
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/opt")).unwrap();
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn with<T>(&self, plan: &Approved, anew: bool, work: impl FnOnce(&mut Run<'_>) -> T) -> T {
        let root = Root::open(&self.root()).unwrap();
        let asset = &plan.plan().assets[0];
        let mut run = Run::open(&self.folder.path().join("home"), plan, asset, &root, &now, DEADLINE, anew).unwrap();
        work(&mut run)
    }

    fn carry_out(&self, plan: &Approved) -> Outcome {
        self.with(plan, true, |run| run.carry_out(&AtomicBool::new(false), &mut |_| {}).unwrap())
    }

    fn rollback(&self, plan: &Approved) -> Outcome {
        self.with(plan, false, |run| run.rollback(&mut |_| {}).unwrap())
    }

    fn journal(&self, number: &str) -> PathBuf {
        let run = fs::read_dir(self.folder.path().join("home/runs")).unwrap().next().unwrap().unwrap().path();
        run.join(number).join("journal")
    }
}

fn quarantine(path: &str) -> Step {
    Step::Quarantine { path: path.to_owned(), sha256: None }
}

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name));
    command
}

/// Path, kind, mode, times, size, links and content of all that lies below, one line each.
fn listing(folder: &Path) -> String {
    let output = script("listing.sh").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with what an ordinary user can make.
fn tree(folder: &Path) {
    fs::create_dir_all(folder.join("deep/er/still")).unwrap();
    fs::write(folder.join("plain"), "text").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::write(folder.join("deep/secret"), vec![7u8; 300_000]).unwrap();
    fs::set_permissions(folder.join("deep/secret"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::hard_link(folder.join("plain"), folder.join("deep/other name")).unwrap();
    fs::hard_link(folder.join("plain"), folder.join("deep/er/third")).unwrap();
    symlink("../plain", folder.join("deep/link")).unwrap();
    symlink("/nowhere", folder.join("dangling")).unwrap();
    fs::write(folder.join("line\nbreak %41"), "x").unwrap();
    let sparse = fs::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"island", 5 << 20).unwrap();
    fs::set_permissions(folder.join("deep/er"), fs::Permissions::from_mode(0o2750)).unwrap();
    let old = std::time::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    fs::File::options().write(true).open(folder.join("empty")).unwrap().set_modified(old).unwrap();
    fs::File::open(folder.join("deep/er/still")).unwrap().set_modified(old).unwrap();
}

#[test]
fn what_is_moved_comes_back_as_it_was() {
    let place = Place::new();
    let product = place.root().join("opt/product");
    tree(&product);
    let before = listing(&product);
    let plan = approved(vec![quarantine("/opt/product")]);
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
    assert!(fs::symlink_metadata(&product).is_err());
    // A second time changes nothing.
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 0 });
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    assert_eq!(listing(&product), before);
    let holes = fs::metadata(product.join("sparse")).unwrap();
    assert!(holes.blocks() * 512 < 1 << 20, "{} blocks", holes.blocks());
    // Taken back again: nothing more to do. Carried out again: a new run.
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
}

#[test]
#[ignore = "needs root, and a file system with ACLs and flags"]
fn every_kind_of_metadata_comes_back() {
    let place = Place::new();
    let product = place.root().join("opt/product");
    let made = script("metadata-tree.sh").arg("--immutable").arg(&product).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let before = listing(&product);
    let plan = approved(vec![quarantine("/opt/product")]);
    let done = place.carry_out(&plan);
    let gone = fs::symlink_metadata(&product).is_err();
    let back = place.rollback(&plan);
    let after = listing(&product);
    drop(Command::new("chattr").args(["-R", "-ia"]).arg(&product).output());
    assert_eq!(done, Outcome::Finished { changed: 1 });
    assert!(gone);
    assert_eq!(back, Outcome::RolledBack(Vec::new()));
    for (one, other) in before.lines().zip(after.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(before.lines().count(), after.lines().count());
}

#[test]
fn a_run_that_was_cut_off_half_way_through_a_folder_loses_nothing() {
    let place = Place::new();
    let product = place.root().join("opt/product");
    tree(&product);
    let before = listing(&product);
    let plan = approved(vec![quarantine("/opt/product")]);
    place.carry_out(&plan);
    // As after a kill in the middle of deleting: saved, and the journal's last line cut off; some names are still there.
    let journal = place.journal("001");
    let text = fs::read_to_string(&journal).unwrap();
    let kept: Vec<&str> = text.lines().take_while(|line| !line.contains("\"event\":\"end\"")).collect();
    assert!(kept.last().unwrap().contains("\"event\":\"saved\""), "{text}");
    fs::write(&journal, kept.join("\n") + "\n{\"seq\":3,\"at\":\"20").unwrap();
    fs::create_dir_all(product.join("deep")).unwrap();
    fs::write(product.join("deep/secret"), vec![7u8; 300_000]).unwrap();
    assert_eq!(place.with(&plan, false, |run| run.state()), State::Unfinished);
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
    assert!(fs::symlink_metadata(&product).is_err());
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    // The file that this test put there is another one than was there at first; all else is as it was.
    let without = |text: &str| text.lines().filter(|it| !it.contains("secret")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(without(&listing(&product)), without(&before));
    assert_eq!(fs::read(product.join("deep/secret")).unwrap(), vec![7u8; 300_000]);
}

#[test]
fn what_lies_there_now_is_not_written_over() {
    let place = Place::new();
    let file = place.root().join("opt/product/settings");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "old").unwrap();
    let plan = approved(vec![quarantine("/opt/product")]);
    place.carry_out(&plan);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "somebody else's").unwrap();
    let Outcome::RolledBack(left) = place.rollback(&plan) else { panic!("not taken back") };
    assert!(left[0].contains("/opt/product/settings: something else lies there now"), "{left:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody else's");
}

#[test]
fn a_link_above_the_path_leads_nowhere() {
    let place = Place::new();
    fs::create_dir_all(place.root().join("home/user/product")).unwrap();
    fs::write(place.root().join("home/user/product/letter"), "mine").unwrap();
    symlink("/home/user", place.root().join("opt/vendor")).unwrap();
    let plan = approved(vec![quarantine("/opt/vendor/product")]);
    let Outcome::Failed(why) = place.carry_out(&plan) else { panic!("it went on") };
    assert!(why.contains("/opt/vendor/product: a folder above it is a link"), "{why}");
    assert!(place.root().join("home/user/product/letter").is_file());
}

#[test]
#[ignore = "needs root, for a mount"]
fn what_is_mounted_inside_is_not_emptied() {
    let place = Place::new();
    let (precious, inside) = (place.folder.path().join("precious"), place.root().join("opt/product/mnt"));
    fs::create_dir_all(&precious).unwrap();
    fs::create_dir_all(&inside).unwrap();
    fs::write(precious.join("letter"), "mine").unwrap();
    let mounted = Command::new("mount").arg("--bind").arg(&precious).arg(&inside).status().unwrap();
    assert!(mounted.success());
    let plan = approved(vec![quarantine("/opt/product")]);
    let outcome = place.carry_out(&plan);
    let kept = precious.join("letter").is_file() && inside.join("letter").is_file();
    assert!(Command::new("umount").arg(&inside).status().unwrap().success());
    let Outcome::Failed(why) = outcome else { panic!("it went on") };
    assert!(why.contains("/opt/product/mnt: something is mounted there"), "{why}");
    assert!(kept);
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
}

#[test]
fn what_one_item_meets_stops_no_other() {
    let place = Place::new();
    for name in ["one", "two", "two/deep"] {
        fs::create_dir_all(place.root().join("opt").join(name)).unwrap();
    }
    fs::write(place.root().join("opt/one/file"), "1").unwrap();
    fs::write(place.root().join("opt/two/deep/file"), "2").unwrap();
    let plan = approved(vec![quarantine("/opt/one"), quarantine("/opt/two")]);
    place.carry_out(&plan);
    // A file where a folder was.
    fs::create_dir(place.root().join("opt/two")).unwrap();
    fs::write(place.root().join("opt/two/deep"), "in the way").unwrap();
    let Outcome::RolledBack(left) = place.rollback(&plan) else { panic!("not taken back") };
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(fs::read_to_string(place.root().join("opt/one/file")).unwrap(), "1");
    // Out of the way, the rest comes back too.
    fs::remove_file(place.root().join("opt/two/deep")).unwrap();
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    assert_eq!(fs::read_to_string(place.root().join("opt/two/deep/file")).unwrap(), "2");
}

#[test]
fn a_unit_with_a_file_of_the_administrators_own_is_stopped_too() {
    let place = Place::new();
    let units = place.root().join("etc/systemd/system");
    fs::create_dir_all(units.join("multi-user.target.wants")).unwrap();
    fs::write(units.join("kesl.service"), "[Service]\n").unwrap();
    symlink("/etc/systemd/system/kesl.service", units.join("multi-user.target.wants/kesl.service")).unwrap();
    symlink("kesl.service", units.join("scanner.service")).unwrap();
    let plan = approved(vec![Step::StopUnit { unit: "kesl.service".to_owned() }]);
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
    assert!(fs::symlink_metadata(units.join("multi-user.target.wants/kesl.service")).is_err());
    assert!(fs::symlink_metadata(units.join("scanner.service")).is_err());
    assert!(units.join("kesl.service").is_file());
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    assert_eq!(fs::read_link(units.join("scanner.service")).unwrap(), Path::new("kesl.service"));
}

#[test]
fn a_unit_is_disabled_and_masked_and_comes_back() {
    let place = Place::new();
    let units = place.root().join("etc/systemd/system");
    fs::create_dir_all(units.join("multi-user.target.wants")).unwrap();
    fs::create_dir_all(place.root().join("usr/lib/systemd/system")).unwrap();
    fs::write(place.root().join("usr/lib/systemd/system/kesl.service"), "[Service]\n").unwrap();
    symlink("/usr/lib/systemd/system/kesl.service", units.join("multi-user.target.wants/kesl.service")).unwrap();
    let before = listing(&units);
    let plan = approved(vec![Step::StopUnit { unit: "kesl.service".to_owned() }]);
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
    assert_eq!(fs::read_link(units.join("kesl.service")).unwrap(), Path::new("/dev/null"));
    assert!(fs::symlink_metadata(units.join("multi-user.target.wants/kesl.service")).is_err());
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    let without_folders = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(" folder "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_folders(&listing(&units)), without_folders(&before));
}

#[test]
fn lines_and_names_come_and_go() {
    let place = Place::new();
    let etc = place.root().join("etc");
    fs::create_dir_all(etc.join("cron.d")).unwrap();
    let crontab = "# jobs\n5 * * * * root /opt/kaspersky/update\n6 * * * * root /usr/bin/backup\n";
    fs::write(etc.join("cron.d/jobs"), crontab).unwrap();
    fs::write(etc.join("hosts"), "127.0.0.1 localhost").unwrap();
    let lines =
        Step::RemoveLines { path: "/etc/cron.d/jobs".to_owned(), lines: vec!["/opt/kaspersky/update".to_owned()] };
    let names = Step::BlockNames { names: vec!["ksn.example".to_owned()] };
    let plan = approved(vec![lines, names]);
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 2 });
    assert_eq!(fs::read_to_string(etc.join("cron.d/jobs")).unwrap(), "# jobs\n6 * * * * root /usr/bin/backup\n");
    assert!(fs::read_to_string(etc.join("hosts")).unwrap().contains("\n0.0.0.0 ksn.example\n"));
    assert_eq!(place.rollback(&plan), Outcome::RolledBack(Vec::new()));
    assert_eq!(fs::read_to_string(etc.join("cron.d/jobs")).unwrap(), crontab);
    assert_eq!(fs::read_to_string(etc.join("hosts")).unwrap().trim_end(), "127.0.0.1 localhost");
}

#[test]
fn two_at_once_are_one_too_many() {
    let place = Place::new();
    let plan = approved(vec![quarantine("/opt/product")]);
    place.with(&plan, true, |_| {
        let root = Root::open(&place.root()).unwrap();
        let home = place.folder.path().join("another home");
        let second = Run::open(&home, &plan, &plan.plan().assets[0], &root, &now, DEADLINE, true);
        let why = second.err().unwrap().to_string();
        assert!(why.contains("another removal works on"), "{why}");
    });
}

#[test]
fn somebody_who_asks_it_to_stop_is_heard_between_two_actions() {
    let place = Place::new();
    for name in ["one", "two"] {
        fs::create_dir_all(place.root().join("opt").join(name)).unwrap();
    }
    let plan = approved(vec![quarantine("/opt/one"), quarantine("/opt/two")]);
    let stop = AtomicBool::new(false);
    let outcome = place.with(&plan, true, |run| {
        run.carry_out(&stop, &mut |_| stop.store(true, std::sync::atomic::Ordering::Relaxed)).unwrap()
    });
    assert_eq!(outcome, Outcome::Stopped);
    assert!(!place.root().join("opt/one").is_dir() && place.root().join("opt/two").is_dir());
    assert_eq!(place.carry_out(&plan), Outcome::Finished { changed: 1 });
}

#[test]
fn what_changed_since_the_plan_stands_against_it() {
    let place = Place::new();
    fs::write(place.root().join("opt/avp"), "new").unwrap();
    let plan = approved(vec![Step::Quarantine { path: "/opt/avp".to_owned(), sha256: Some("aa".to_owned()) }]);
    let fresh = |sha256: &str| {
        let sha256 = Some(sha256.to_owned());
        let evidence = FreshEvidence { locator: "/opt/avp".to_owned(), sha256, ..FreshEvidence::default() };
        Fresh { id: "f1".to_owned(), evidence: vec![evidence], needed_by: Vec::new() }
    };
    place.with(&plan, true, |run| {
        assert_eq!(run.against(&[fresh("aa")]).unwrap(), Vec::<String>::new());
        assert!(run.against(&[fresh("bb")]).unwrap()[0].contains("it changed since the plan was made"));
        assert!(run.against(&[]).unwrap()[0].contains("finds no evidence there any more"));
    });
}

#[test]
fn a_journal_that_was_changed_is_refused_and_one_cut_off_goes_on() {
    let place = Place::new();
    fs::create_dir_all(place.root().join("opt/one")).unwrap();
    let plan = approved(vec![quarantine("/opt/one")]);
    place.carry_out(&plan);
    let journal = place.journal("001");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{{\"seq\":99,")).unwrap();
    assert_eq!(Journal::open(&journal).unwrap().events().len(), text.lines().count());
    assert_eq!(fs::read_to_string(&journal).unwrap(), text);
    fs::write(&journal, text.replacen("a01", "a02", 1)).unwrap();
    let why = Journal::open(&journal).unwrap_err().to_string();
    assert!(why.contains("does not follow from the one before"), "{why}");
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&journal, [&lines[..1], &lines[2..]].concat().join("\n") + "\n").unwrap();
    assert!(Journal::open(&journal).is_err());
}
