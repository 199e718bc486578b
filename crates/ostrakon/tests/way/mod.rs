//! What the tests of removal stand on: a machine in a folder, the commands a user types there, listings that tell to the
//! last bit whether a machine is as it was, and a stranger who checks a proof.

use assert_cmd::cargo::CommandCargoExt;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const POLICY: &str = "schema = \"ostrakon/policy/1\"\n";

pub(crate) const WAIVER: &str = r#"
[[waiver]]
controls = ["anti-malware"]
owner = "R. Roe, CISO"
reason = "Off the network until its replacement is in."
expires = 2099-12-31
"#;

pub(crate) const DRAFT: &str = "plan draft before.ostrakon --order bod-17-01 --out plan.json";
pub(crate) const APPROVE: &str = "plan approve --plan plan.json --key r.roe";
pub(crate) const REMOVE: &str = "remove --plan plan.json --root root --trust-root";
pub(crate) const RESUME: &str = "remove resume --root root --trust-root";
pub(crate) const BACK: &str = "remove rollback --root root --trust-root";

pub(crate) fn program() -> PathBuf {
    Command::cargo_bin("ostrakon").unwrap().get_program().into()
}

/// A copy, by another program: what this one still held open for writing, in a child of another test, cannot be run.
pub(crate) fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success(), "{}", from.display());
}

pub(crate) fn script(name: &str) -> Command {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut command = Command::new("bash");
    command.arg(repository.join("tests/fixtures").join(name)).current_dir(repository);
    command
}

/// Runs a script of `tests/fixtures`, which must succeed; what it prints.
pub(crate) fn fixture(name: &str, arguments: &[&str], folder: &Path) -> String {
    let output = script(name).args(arguments).arg(folder).output().unwrap();
    assert!(output.status.success(), "{name}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Does `text` say `words`, wherever its lines were broken?
pub(crate) fn says(text: &str, words: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|it| !it.is_whitespace() && !"|│".contains(*it)).collect::<String>();
    plain(text).contains(&plain(words))
}

/// A machine, the administrator's folder it lies in, and the home beside it.
pub(crate) struct Way {
    pub(crate) folder: PathBuf,
    pub(crate) root: PathBuf,
    /// Words before every command, such as those that mount something first.
    pub(crate) by: Vec<String>,
    _kept: TempDir,
}

impl Way {
    /// To a machine that `lay` makes in the folder it is given. The policy waives what the product gave.
    pub(crate) fn to(lay: impl FnOnce(&Path)) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().canonicalize().unwrap();
        let way = Self { root: folder.join("root"), folder, by: Vec::new(), _kept: kept };
        lay(&way.root);
        fs::create_dir(way.folder.join("home")).unwrap();
        way.policy(&format!("{POLICY}{WAIVER}"));
        way
    }

    pub(crate) fn policy(&self, text: &str) {
        fs::write(self.folder.join("home/policy.toml"), text).unwrap();
    }

    fn command(&self, by: &[String], words: &str) -> Command {
        let program = program().display().to_string();
        let mut all = by.iter().cloned().chain([program]).chain(words.split(' ').map(str::to_owned));
        let mut command = Command::new(all.next().unwrap());
        command.args(all).current_dir(&self.folder).stdin(Stdio::null());
        command.env("OSTRAKON_HOME", self.folder.join("home")).env("NO_COLOR", "1");
        command
    }

    /// Runs the program, in the folder.
    pub(crate) fn run(&self, words: &str) -> Output {
        self.command(&self.by, words).output().unwrap()
    }

    pub(crate) fn run_by(&self, by: &[String], words: &str) -> Output {
        self.command(by, words).output().unwrap()
    }

    pub(crate) fn start(&self, words: &str) -> Child {
        self.command(&self.by, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the program, which must end so; what it says.
    #[track_caller]
    pub(crate) fn does(&self, code: i32, words: &str) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words}: {}", said(&output));
        said(&output)
    }

    /// A look, a key, a plan and its approval.
    #[track_caller]
    pub(crate) fn plan(&self) {
        self.does(0, "keys new r.roe");
        self.does(0, "inventory root --out before.ostrakon");
        self.does(0, DRAFT);
        self.does(0, APPROVE);
    }

    /// Words before a command that run `mounts` first, in a namespace of its own; `$0` is the folder.
    pub(crate) fn mounted(&self, mounts: &str) -> Vec<String> {
        ["unshare", "--mount", "sh", "-c", mounts, self.folder.to_str().unwrap()].map(str::to_owned).into()
    }

    /// Runs a command of the machine, in it.
    pub(crate) fn inside(&self, words: &[&str]) -> Output {
        let by = self.by.iter().map(String::as_str).chain(["chroot", self.root.to_str().unwrap()]);
        let all: Vec<&str> = by.chain(words.iter().copied()).collect();
        Command::new(all[0]).args(&all[1..]).env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap()
    }

    /// Installs `debs/NAME.deb` by the machine's own dpkg.
    pub(crate) fn install(&self, name: &str) {
        let deb = self.root.join(format!("tmp/{name}.deb"));
        copy(&self.folder.join(format!("debs/{name}.deb")), &deb);
        let installed = self.inside(&["dpkg", "-i", &format!("/tmp/{name}.deb")]);
        assert!(installed.status.success(), "{}", said(&installed));
        fs::remove_file(deb).unwrap();
    }

    /// What dpkg says of a package; nothing: it does not know it.
    pub(crate) fn knows(&self, package: &str) -> String {
        let asked = self.inside(&["dpkg-query", "-W", "-f", "${Status}", package]);
        String::from_utf8(asked.stdout).unwrap()
    }

    pub(crate) fn listing(&self) -> Listing {
        let text = fixture("listing.sh", &[], &self.root);
        text.lines().filter_map(|line| line.split_once(' ')).map(|(path, it)| (path.into(), it.into())).collect()
    }

    /// When each name was last touched, even if it was put back; what a package manager writes when it is asked left out.
    pub(crate) fn touched(&self) -> Vec<String> {
        let form = "%P %i %m %U %G %s %T@ %C@\\n";
        let found = Command::new("find").arg(&self.root).args(["-printf", form]).output().unwrap();
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("var/lib/rpm"));
        lines.sort();
        lines
    }

    /// How many receipts the ledger has.
    pub(crate) fn receipts(&self) -> usize {
        self.does(0, "ledger list").lines().filter(|line| line.contains(" receipt ")).count()
    }

    /// Was a removal begun that was not taken back to its end?
    pub(crate) fn is_under_way(&self) -> bool {
        let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let runs = list(&self.folder.join("home/runs")).flat_map(|runs| list(&runs).collect::<Vec<_>>());
        let journal = runs.max().and_then(|run| fs::read_to_string(run.join("journal")).ok()).unwrap_or_default();
        journal.lines().last().is_some_and(|line| !line.contains("\"rolled-back\""))
    }

    /// The processes that run in the machine.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let all = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        all.filter(|pid| fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root == self.root)).collect()
    }

    /// Ends them all.
    pub(crate) fn end_processes(&self) {
        for pid in self.processes().into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        until("all processes have ended", || self.processes().is_empty());
    }

    /// Waits until a script of the package has begun to hang.
    pub(crate) fn until_it_hangs(&self) {
        let log = self.root.join("var/log/package-scripts.log");
        until("the script hangs", || fs::read_to_string(&log).is_ok_and(|log| log.contains("kesl prerm remove")));
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        for pid in self.processes().into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        // What may not be changed could not be deleted.
        let opt = self.root.join("opt");
        let _ = Command::new("chattr").args(["-R", "-f", "-ia"]).arg(opt).stderr(Stdio::null()).status();
    }
}

#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never: {what}");
}

/// What lies in a machine: by path all that can be brought back.
pub(crate) type Listing = BTreeMap<String, String>;

/// Files that programs of the machine write anew, with the same content.
const MADE_ANEW: [&str; 4] = [
    "etc/ssl/certs/ca-certificates.crt",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/triggers/Lock",
];

/// Files that programs of the machine go on writing.
const WRITTEN_ON: [&str; 5] = [
    "var/lib/dpkg/status-old",
    "var/lib/rpm/.rpm.lock",
    "var/lib/rpm/rpmdb.sqlite-shm",
    "var/log/dpkg.log",
    "var/log/package-scripts.log",
];

/// In what a machine that was brought back differs from what it was, but for the times of folders that hold what was away
/// meanwhile. The product's own folders have their times too.
pub(crate) fn differences(before: &Listing, after: &Listing) -> Vec<String> {
    let mut list = Vec::new();
    for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let own = ["opt/kaspersky/", "var/opt/kaspersky/"].iter().any(|folder| path.starts_with(folder));
        let plain = |it: &String| {
            let timeless = (it.starts_with("folder ") && !own) || MADE_ANEW.contains(&path.as_str());
            it.split(' ').filter(|word| !(timeless && word.starts_with("mtime="))).collect::<Vec<_>>().join(" ")
        };
        let (was, is) = (before.get(path).map(plain), after.get(path).map(plain));
        if was != is && !WRITTEN_ON.contains(&path.as_str()) {
            list.push(format!("{path}: {} -> {}", was.unwrap_or_default(), is.unwrap_or_default()));
        }
    }
    list
}

/// What lies in a folder, for what any user may read: names and contents.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let content = if kind.is_dir() {
            all.extend(contents(&path));
            Vec::new()
        } else if kind.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        all.insert(path, content);
    }
    all
}

/// A small machine with the product, a unit that no package owns, and what an older product left.
pub(crate) fn sample(root: &Path) {
    const UNIT: &str = "[Service]\nExecStart=/opt/kaspersky/kesl/libexec/kesl\n[Install]\nWantedBy=multi-user.target\n";
    let files = [
        ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
        ("etc/hostname", "pc7\n"),
        ("usr/bin/true", "#!/bin/sh\n"),
        ("opt/kaspersky/kesl/libexec/kesl", "#!/bin/sh\nexec sleep 3600\n"),
        ("opt/kaspersky/kesl/bin/kesl-control", "#!/bin/sh\necho running\n"),
        ("usr/lib/systemd/system/kesl.service", UNIT),
        ("var/opt/kaspersky/kesl/common/kesl.ini", "[General]\nUseFanotify=Yes\n"),
        ("var/opt/kaspersky/klnagent/settings.dat", "kept by an agent that is gone\n"),
    ];
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).unwrap();
    symlink("/usr/lib/systemd/system/kesl.service", wants.join("kesl.service")).unwrap();
    symlink("/opt/kaspersky/kesl/bin/kesl-control", root.join("usr/bin/kesl-control")).unwrap();
}

/// The sample, with every kind of metadata in the product's folder. `more`: `--long` for a path of 5,000 bytes.
pub(crate) fn sample_with_metadata(root: &Path, more: &[&str]) {
    sample(root);
    let tree = root.join("opt/kaspersky/kesl/tree");
    fixture("metadata-tree.sh", &[&["--immutable"], more].concat(), &tree);
    // Large holes are read again and again: small ones do here.
    fs::remove_file(tree.join("sparse/hole")).unwrap();
    fs::remove_file(tree.join("sparse/mixed")).unwrap();
    let mixed = fs::File::create(tree.join("sparse/mixed")).unwrap();
    mixed.set_len(1 << 20).unwrap();
    mixed.write_all_at(b"in the middle", 500_000).unwrap();
}

/// Somebody elsewhere, with the program, a home and an empty folder.
pub(crate) struct Stranger(TempDir);

impl Stranger {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&program(), &folder.path().join("ostrakon"));
        fs::create_dir(folder.path().join("empty")).unwrap();
        Self(folder)
    }

    /// Checks a proof, with the report it is said to be of.
    pub(crate) fn checks(&self, proof: &[u8], report: &[u8]) -> Output {
        let empty = self.0.path().join("empty");
        fs::write(empty.join("proof"), proof).unwrap();
        fs::write(empty.join("report"), report).unwrap();
        let mut command = Command::new(self.0.path().join("ostrakon"));
        command.args(["ledger", "verify", "proof", "--report", "report"]).current_dir(&empty).env_clear();
        command.env("OSTRAKON_HOME", self.0.path().join("home")).output().unwrap()
    }

    /// The proof holds for its report; with one bit changed, or for another report, it does not.
    #[track_caller]
    pub(crate) fn believes(&self, proof: &Path, report: &Path) {
        let (proof, report) = (fs::read(proof).unwrap(), fs::read(report).unwrap());
        let holds = self.checks(&proof, &report);
        assert_eq!(holds.status.code(), Some(0), "{}", said(&holds));
        assert!(said(&holds).contains("The proof holds."), "{}", said(&holds));
        assert_eq!(self.checks(&proof, b"another report").status.code(), Some(2));
        for bit in (0..proof.len() * 8).step_by(proof.len() / 5) {
            let mut altered = proof.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let checked = self.checks(&altered, &report);
            assert_eq!(checked.status.code(), Some(2), "bit {bit}: {}", said(&checked));
        }
    }
}
