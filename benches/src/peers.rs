//! What is run: the bare walks, Ostrakon, and its peers, each as its makers would have it run on a folder that holds a
//! root, without a network.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and how it is run.
pub(crate) struct Row {
    /// The files of its output are called so.
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) kind: Kind,
    /// What score.py calls it, if it finds things.
    pub(crate) tool: Option<&'static str>,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The exit codes that are no failure.
    pub(crate) fine: &'static [i32],
    /// In how many rounds it is run at most, besides the one that warms the tree; what is run once is in the last alone.
    pub(crate) most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    /// Ostrakon; is it to find every plant?
    Ours {
        every: bool,
    },
    Peer,
}

/// Where everything lies.
pub(crate) struct Places {
    /// The folder of this crate.
    pub(crate) benches: PathBuf,
    /// The programs that peers.sh fetched.
    pub(crate) peers: PathBuf,
    /// The root that is looked at.
    pub(crate) root: PathBuf,
    /// For the output of each run.
    pub(crate) out: PathBuf,
    /// This program.
    pub(crate) own: PathBuf,
}

impl Row {
    fn of(id: &'static str, what: &str, kind: Kind, program: &Path, words: &[&str]) -> Self {
        Self {
            id,
            what: what.to_owned(),
            kind,
            tool: None,
            program: program.to_owned(),
            arguments: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: Vec::new(),
            fine: &[0],
            most: usize::MAX,
        }
    }

    pub(crate) fn is_peer(&self) -> bool {
        self.kind == Kind::Peer
    }
}

pub(crate) const HEAD: &str = "bare-head";
pub(crate) const STAT: &str = "bare-stat";
pub(crate) const FLAT: &str = "ostrakon-depth-0";
pub(crate) const WHOLE: &str = "ostrakon";
pub(crate) const AGAIN: &str = "ostrakon-since";

pub(crate) fn bare(places: &Places) -> Vec<Row> {
    let root = places.root.display().to_string();
    let row = |id, what: &str, each: &str| Row::of(id, what, Kind::Bare, &places.own, &["--bare", each, root.as_str()]);
    vec![
        row("bare-name", "bare walk", "name"),
        row(STAT, "bare walk + stat", "stat"),
        row(HEAD, "bare walk + first 4 KiB", "head"),
    ]
}

pub(crate) fn ours(places: &Places) -> Vec<Row> {
    let program = places.own.with_file_name("ostrakon");
    let (root, bundle) = (places.root.display().to_string(), places.out.join("look.ostrakon").display().to_string());
    let identify = |id, what: &str, every: bool, more: &[&str]| {
        let words = ["identify", root.as_str(), "--order", "bod-17-01", "--quiet", "--format", "json"];
        let words = [&words[..], more].concat();
        let row = Row::of(id, what, Kind::Ours { every }, &program, &words);
        Row { tool: Some("ostrakon"), fine: &[0, 1, 3], ..row }
    };
    let inventory = ["inventory", root.as_str(), "--quiet", "--out", bundle.as_str()];
    vec![
        identify(FLAT, "ostrakon identify --depth 0", false, &["--depth", "0"]),
        identify(WHOLE, "ostrakon identify", true, &[]),
        Row::of("ostrakon-inventory", "ostrakon inventory", Kind::Ours { every: false }, &program, &inventory),
        // After the look that it goes on from.
        identify(AGAIN, "ostrakon identify --since", true, &["--since", bundle.as_str()]),
    ]
}

pub(crate) fn peers(places: &Places, slow: bool) -> Vec<Row> {
    let root = places.root.display().to_string();
    let beside = |name: &str| places.benches.join("peers").join(name).display().to_string();
    let (rules, signatures) = (beside("kaspersky.yar"), beside("kaspersky.ndb"));
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let peer = |id, tool, name: &str, program: &str, words: &[&str]| {
        let program = places.peers.join(program);
        let what = name.replacen("VERSION", &version(&program), 1);
        Row { tool: Some(tool), ..Row::of(id, &what, Kind::Peer, &program, words) }
    };
    // Every package, not only those with a known hole; what it cannot do without its databases is said below the table.
    let trivy = |id, name: &str, place: &str| {
        let offline = ["--offline-scan", "--skip-db-update", "--skip-java-db-update"];
        let wanted = [place, "--quiet", "--scanners", "license", "--list-all-pkgs", "--format", "json"];
        peer(id, "trivy", name, "trivy", &[&wanted[..], &offline[..], &[root.as_str()][..]].concat())
    };
    let words = ["-a", "-F", "-l", "--hidden", "--no-ignore", "-e", "Kaspersky", "-e", "kaspersky", "-e", "KASPERSKY"];
    let ripgrep = [&words[..], &[root.as_str()][..]].concat();
    let folder = format!("dir:{root}");
    let syft = ["scan", folder.as_str(), "-q", "--override-default-catalogers", "all", "-o", "syft-json"];
    let mut rows = vec![
        Row { fine: &[0, 1], ..peer("ripgrep", "ripgrep", "ripgrep VERSION -a -F", "rg", &ripgrep) },
        trivy("trivy-rootfs", "Trivy VERSION rootfs", "rootfs"),
        trivy("trivy-fs", "Trivy VERSION fs", "fs"),
        Row { most: 3, ..peer("yarax", "yarax", "YARA-X VERSION", "yarax", &[rules.as_str(), root.as_str()]) },
        Row {
            most: 1,
            environment: vec![("SYFT_PARALLELISM", processors.to_string())],
            ..peer("syft", "syft", "Syft VERSION", "syft", &syft)
        },
    ];
    if slow {
        let no_limits = ["--max-filesize=2000M", "--max-scansize=2000M", "--max-scantime=0"];
        let wanted = ["--database", signatures.as_str(), "--recursive", "--infected", "--no-summary"];
        let clamav = [&wanted[..], &no_limits[..], &[root.as_str()][..]].concat();
        let row = peer("clamscan", "clamscan", "ClamAV VERSION", "clamscan", &clamav);
        rows.push(Row { most: 1, fine: &[0, 1], ..row });
    }
    rows
}

/// The version that a program says it has.
fn version(program: &Path) -> String {
    let said = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&said);
    let word = text.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
    word.and_then(|word| word.split('/').next()).unwrap_or("?").to_owned()
}
