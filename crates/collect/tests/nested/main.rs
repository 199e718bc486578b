//! Looks into containers: locators that lead back, what is a copy and what is installed, whose a member is, and gaps at
//! the member that has them. Real archives are those of `crates/place/fixtures/containers`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod made;

use made::*;
use ostrakon_collect::{Looked, Marks, Place, Sink, look, look_at_file};
use ostrakon_model::{Artifact, Excluded, Gap, GapReason, Name, Presence};
use ostrakon_place::container::Limits;
use ostrakon_place::{Borders, FolderTree};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use tempfile::TempDir;

/// A name as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    folder: String,
    path: String,
    name: String,
    is_folder: bool,
    owner: Option<String>,
    copy: bool,
}

#[derive(Default)]
struct Kept {
    folder: String,
    names: Vec<Told>,
    artifacts: Vec<Artifact>,
    gaps: Vec<Gap>,
}

impl Sink for Kept {
    fn folder(&mut self, path: &str) {
        path.clone_into(&mut self.folder);
    }
    fn entry(&mut self, name: &Name<'_>) {
        self.names.push(Told {
            folder: self.folder.clone(),
            path: name.path.to_owned(),
            name: name.name.to_owned(),
            is_folder: name.is_folder,
            owner: name.owner.get().map(str::to_owned),
            copy: name.copy,
        });
    }
    fn artifact(&mut self, artifact: Artifact) {
        self.artifacts.push(artifact);
    }
    fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }
    fn excluded(&mut self, _excluded: Excluded) {}
}

impl Kept {
    /// The gaps as locator and reason, in order.
    fn gaps(&self) -> Vec<(&str, GapReason)> {
        let mut list: Vec<_> = self.gaps.iter().map(|gap| (gap.locator.as_str(), gap.reason)).collect();
        list.sort_unstable();
        list
    }

    fn name(&self, path: &str) -> &Told {
        let found = self.names.iter().find(|name| name.path == path);
        found.unwrap_or_else(|| panic!("{path} is not among {:#?}", self.paths()))
    }

    fn paths(&self) -> Vec<&str> {
        self.names.iter().map(|name| name.path.as_str()).collect()
    }

    fn has_no_gaps(&self) {
        assert!(self.gaps.is_empty(), "{:#?}", self.gaps());
    }

    /// The artifacts of one collector.
    fn of(&self, collector: &str) -> Vec<&Artifact> {
        let mut list: Vec<_> = self.artifacts.iter().filter(|artifact| artifact.collector == collector).collect();
        list.sort_by(|one, other| one.locator.cmp(&other.locator));
        list
    }
}

/// A folder with these files.
fn root(files: &[(&str, Vec<u8>)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    root
}

/// A real archive.
fn real(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../place/fixtures/containers").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One that is kept compressed, as it was.
fn plain(name: &str) -> Vec<u8> {
    let mut content = Vec::new();
    let bytes = real(&format!("plain/{name}.gz"));
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut content).unwrap();
    content
}

fn looked(root: &TempDir, limits: Limits, worth: bool) -> (Looked, Kept) {
    let tree = FolderTree::open(root.path()).unwrap();
    let (marks, borders) = (&Marks::of(Vec::new()), &Borders::default());
    let worth = &move |_: &Artifact| worth;
    let place =
        Place { tree: &tree, live: false, marks, limits, earlier: None, stamped_before: None, image: None, worth };
    let (looked, mut sinks) = look(&place, &tree, borders, vec![Kept::default()], &AtomicU64::new(0));
    (looked, sinks.remove(0))
}

fn looked_at(root: &TempDir, path: &str, parts: &[&str]) -> (Kept, bool) {
    let tree = FolderTree::open(root.path()).unwrap();
    let marks = &Marks::of(Vec::new());
    let place = Place {
        tree: &tree,
        live: false,
        marks,
        limits: Limits::default(),
        earlier: None,
        stamped_before: None,
        image: None,
        worth: &|_| true,
    };
    let parts: Vec<_> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
    let (_, sink, found) = look_at_file(&place, path.as_bytes(), &parts, Kept::default(), &AtomicU64::new(0));
    (sink, found)
}

const PROPERTIES: &[u8] = b"groupId=com.kaspersky.example\nartifactId=scanner\nversion=1.2.3\n";
const POM: &str = "META-INF/maven/com.kaspersky.example/scanner/pom.properties";

// --- locators and copies -------------------------------------------------------------------------------------------------

#[test]
fn a_locator_names_every_container_on_the_way() {
    let root = root(&[("a/b.tar.zst", real("app.tar.zst")), ("a/app.war", real("app.war"))]);
    let (looked, kept) = looked(&root, Limits::default(), false);
    let found: Vec<_> = kept.of("maven").iter().map(|it| (it.locator.as_str(), it.copy)).collect();
    // What is in a Java archive is installed with it; what is in any other is a copy.
    let inner = format!("WEB-INF/lib/scanner.jar!/{POM}");
    let (outside, inside) = (format!("/a/app.war!/{inner}"), format!("/a/b.tar.zst!/app.war!/{inner}"));
    assert_eq!(found, [(outside.as_str(), false), (inside.as_str(), true)]);
    kept.has_no_gaps();
    assert!(looked.members > 0 && looked.bytes_inflated > 0);
    assert_eq!(kept.of("maven")[0].sha256, None);
}

#[test]
fn names_that_could_mislead_are_escaped_in_locators() {
    let jar = zip(&[(POM, PROPERTIES)], true, 0);
    let root = root(&[("a!b.tar", tar(&[("x!y%.jar", &jar)]))]);
    let (_, kept) = looked(&root, Limits::default(), false);
    let found: Vec<_> = kept.of("maven").iter().map(|it| it.locator.as_str()).collect();
    assert_eq!(found, [format!("/a%21b.tar!/x%21y%25.jar!/{POM}")]);
    // And they lead back.
    let last = format!("/{POM}");
    let (again, found) = looked_at(&root, "/a!b.tar", &["/x!y%.jar", last.as_str()]);
    assert!(found);
    assert_eq!(again.of("maven")[0].locator, kept.of("maven")[0].locator);
}

#[test]
fn a_disk_in_a_compressed_file_is_a_gap_and_other_zeros_are_none() {
    let volume = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/disk/ntfs/small.img.gz");
    let mut zeros = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zeros, &[0; 20_000]).unwrap();
    let root = root(&[("pc7.img.gz", std::fs::read(volume).unwrap()), ("zeros.gz", zeros.finish().unwrap())]);
    let (_, kept) = looked(&root, Limits::default(), true);
    let gaps: Vec<_> = kept.gaps.iter().map(|gap| (gap.locator.as_str(), gap.reason.word())).collect();
    assert_eq!(gaps, [("/pc7.img.gz!/pc7.img", "archive-not-opened")]);
}

#[test]
fn a_disk_deeper_than_allowed_is_a_gap_and_what_only_begins_like_one_is_none() {
    let volume = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/disk/ntfs/small.img.gz");
    let mut disk = Vec::new();
    let packed = std::fs::read(volume).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut disk).unwrap();
    let root = root(&[("pc7.img", disk), ("zeros", vec![0; 20_000])]);
    let (_, kept) = looked(&root, Limits { depth: 0, ..Limits::default() }, true);
    let gaps: Vec<_> = kept.gaps.iter().map(|gap| gap.locator.as_str()).collect();
    assert_eq!(gaps, ["/pc7.img"]);
    let (_, kept) = looked(&root, Limits::default(), true);
    assert_eq!(kept.gaps, []);
}

#[test]
fn a_part_of_a_file_gives_the_artifact_of_the_whole_look() {
    let root = root(&[("a/b.tar.zst", real("app.tar.zst")), ("c/xz.deb", real("xz.deb"))]);
    let (_, whole) = looked(&root, Limits::default(), true);
    let last = format!("/{POM}");
    let parts = ["/app.war", "/WEB-INF/lib/scanner.jar", last.as_str()];
    let (part, found) = looked_at(&root, "/a/b.tar.zst", &parts);
    assert!(found);
    assert_eq!(part.of("maven"), whole.of("maven"));
    assert_eq!(part.of("maven").len(), 1);
    assert!(part.of("maven")[0].sha256.is_some());

    let (part, found) = looked_at(&root, "/c/xz.deb", &["/control.tar.xz", "/control"]);
    assert!(found);
    assert_eq!(part.of("package-file"), whole.of("package-file"));
    assert_eq!(part.of("package-file").len(), 1);

    // All that lies below a part is looked at, and nothing beside it.
    let (part, found) = looked_at(&root, "/c/xz.deb", &["/data.tar.xz", "/opt"]);
    assert!(found);
    let path = "/c/xz.deb!/data.tar.xz!/opt/kaspersky/kesl/readme.txt";
    assert_eq!(part.name(path), whole.name(path));
    assert!(!part.paths().iter().any(|path| path.contains("/docs")));
}

#[test]
fn a_part_that_is_not_there_is_not_found() {
    let root = root(&[("a/app.war", real("app.war")), ("b.txt", b"text".repeat(100))]);
    for (path, parts) in [
        ("/a/app.war", vec!["/nothing"]),
        ("/a/app.war", vec!["/WEB-INF/lib/scanner.jar", "/nothing"]),
        ("/a/app.war", vec!["/WEB-INF/lib/scanner.ja"]),
        ("/b.txt", vec!["/nothing"]),
    ] {
        let (kept, found) = looked_at(&root, path, &parts);
        assert!(!found, "{path}: {parts:?}");
        assert!(kept.artifacts.is_empty());
    }
}

// --- names and owners ----------------------------------------------------------------------------------------------------

#[test]
fn names_of_members_are_told_in_their_folders() {
    let root = root(&[("x/files.zip", real("deflate.zip")), ("y.txt", b"text".to_vec())]);
    let (_, kept) = looked(&root, Limits::default(), false);
    let readme = kept.name("/x/files.zip!/opt/kaspersky/kesl/readme.txt");
    assert_eq!(readme.folder, "/x/files.zip!/opt/kaspersky/kesl");
    assert_eq!((readme.name.as_str(), readme.is_folder, readme.copy), ("readme.txt", false, true));
    assert_eq!(readme.owner, None);
    assert!(kept.name("/x/files.zip!/opt/kaspersky").is_folder);
    assert_eq!(kept.name("/x/files.zip!/docs/Ünïcode – имя.txt").name, "Ünïcode – имя.txt");
    assert_eq!(kept.name("/x/files.zip!/bin/link").name, "link");
    // Each name follows its own folder, whatever was told in between.
    for name in &kept.names {
        let folder = if name.folder == "/" { "" } else { name.folder.as_str() };
        assert_eq!(name.path, format!("{folder}/{}", name.name));
    }
}

#[test]
fn a_root_in_an_archive_is_no_name() {
    let root = root(&[("dot.tar", plain("dot.tar"))]);
    let (_, kept) = looked(&root, Limits::default(), false);
    assert!(kept.names.iter().all(|name| !name.name.is_empty()), "{:?}", kept.paths());
}

#[test]
fn members_of_a_package_file_belong_to_it() {
    for (name, owner, path) in [
        ("xz.deb", "deb:kesl", "/xz.deb!/data.tar.xz!/opt/kaspersky/kesl/readme.txt"),
        ("zstd.rpm", "rpm:kesl", "/zstd.rpm!/opt/kaspersky/kesl/readme.txt"),
    ] {
        let root = root(&[(name, real(name))]);
        let (_, kept) = looked(&root, Limits::default(), false);
        assert_eq!(kept.name(path).owner.as_deref(), Some(owner));
        assert!(kept.name(path).copy);
        kept.has_no_gaps();
        assert_eq!(kept.of("package-file").len(), 1, "{name}");
        // The file itself is nobody's.
        assert_eq!(kept.name(&format!("/{name}")).owner, None);
    }
    // One in an archive is still its own package's, and what lies beside it is not.
    let root = root(&[("x.tar", tar(&[("a.deb", &real("xz.deb")), ("b.txt", b"text")]))]);
    let (_, kept) = looked(&root, Limits::default(), false);
    let inside = kept.name("/x.tar!/a.deb!/data.tar.xz!/opt/kaspersky/kesl/readme.txt");
    assert_eq!(inside.owner.as_deref(), Some("deb:kesl"));
    assert_eq!(kept.name("/x.tar!/b.txt").owner, None);
}

// --- gaps ------------------------------------------------------------------------------------------------------------------

#[test]
fn a_gap_is_at_the_member_that_has_it() {
    let broken = {
        let mut bytes = zip(&[(POM, PROPERTIES)], true, 0);
        bytes.truncate(bytes.len() - 30);
        bytes
    };
    let files = [
        ("closed.zip", real("encrypted.zip")),
        ("outer.tar", tar(&[("a/broken.jar", &broken), ("b/x.rar", &real("5.rar")), ("c/fine.txt", b"text")])),
    ];
    let root = root(&files);
    let (_, kept) = looked(&root, Limits::default(), false);
    let list = [
        ("/closed.zip!/bin/tool", GapReason::Encrypted),
        ("/outer.tar!/a/broken.jar", GapReason::Truncated),
        ("/outer.tar!/b/x.rar", GapReason::ArchiveNotOpened),
    ];
    assert_eq!(kept.gaps(), list);
}

/// A Java archive that cannot be read hides what is installed with it.
#[test]
fn a_gap_at_a_java_archive_hides_what_is_installed() {
    let root = root(&[("opt/app/lib/x.jar", zip(&[(POM, PROPERTIES)], true, 0)[..100].to_vec())]);
    let (_, kept) = looked(&root, Limits::default(), false);
    assert!(!kept.gaps.is_empty());
    assert!(kept.gaps.iter().all(|gap| gap.hides.contains(Presence::Installed)), "{}", kept.gaps[0].hides);
}

#[test]
fn a_wrong_checksum_is_a_gap_although_something_was_seen() {
    let jar = zip(&[(POM, PROPERTIES)], true, 1);
    for worth in [false, true] {
        let root = root(&[("x.jar", jar.clone())]);
        let (_, kept) = looked(&root, Limits::default(), worth);
        assert_eq!(kept.gaps(), [(format!("/x.jar!/{POM}").as_str(), GapReason::Corrupt)], "digests: {worth}");
    }
}

#[test]
fn an_archive_that_ends_in_a_member_nobody_reads_is_a_gap() {
    let mut bytes =
        tar(&[("a.txt", b"text"), ("b.bin", &[7; 100_000]), ("lib/x.jar", &zip(&[(POM, PROPERTIES)], true, 0))]);
    bytes.truncate(50_000);
    let root = root(&[("cut.tar", bytes.clone()), ("cut.tar.gz", gzip(&bytes))]);
    let (_, kept) = looked(&root, Limits::default(), false);
    let found: Vec<_> = kept.gaps().into_iter().map(|(locator, _)| locator).collect();
    assert_eq!(found, ["/cut.tar", "/cut.tar.gz"]);
}

/// Real archives with the gap they give where none is opened.
fn archives() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a.zip", real("deflate.zip")),
        ("b.tar", plain("gnu.tar")),
        ("c.tar.gz", real("one.tar.gz")),
        ("d.tar.lz4", real("one.tar.lz4")),
        ("e.7z", real("lzma2.7z")),
        ("f.cab", real("mszip.cab")),
        ("g.cpio", plain("newc.cpio")),
        ("h.deb", real("xz.deb")),
        ("i.rpm", real("zstd.rpm")),
        ("j.war", real("app.war")),
        ("k.apk", real("alpine.apk")),
        ("l.rar", real("4.rar")),
    ]
}

#[test]
fn none_is_opened_at_depth_0_and_each_is_a_gap() {
    let root = root(&archives());
    let (looked, kept) = looked(&root, Limits { depth: 0, ..Limits::default() }, false);
    let expected: Vec<_> =
        archives().iter().map(|(name, _)| (format!("/{name}"), GapReason::ArchiveNotOpened)).collect();
    let found: Vec<_> = kept.gaps().into_iter().map(|(locator, reason)| (locator.to_owned(), reason)).collect();
    assert_eq!(found, expected);
    assert_eq!(looked.members, 0);
    assert!(!kept.paths().iter().any(|path| path.contains('!')));
}

#[test]
fn a_program_with_an_archive_behind_it_is_a_gap_at_depth_0() {
    let root = root(&[("a.exe", real("setup-7z.exe")), ("b.exe", real("setup-none.exe"))]);
    let (_, kept) = looked(&root, Limits { depth: 0, ..Limits::default() }, false);
    let found: Vec<_> = kept.gaps().into_iter().filter(|(_, reason)| *reason == GapReason::ArchiveNotOpened).collect();
    assert_eq!(found, [("/a.exe", GapReason::ArchiveNotOpened)]);
}

#[test]
fn a_deep_one_is_a_gap_where_the_limit_is() {
    let mut bytes = zip(&[(POM, PROPERTIES)], false, 0);
    for _ in 1..40 {
        bytes = zip(&[("z.zip", &bytes)], false, 0);
    }
    let root = root(&[("z.zip", bytes)]);
    let (_, kept) = looked(&root, Limits::default(), false);
    let depth = usize::try_from(Limits::default().depth).unwrap();
    let locator = format!("/z.zip{}", "!/z.zip".repeat(depth));
    assert_eq!(kept.gaps(), [(locator.as_str(), GapReason::Limit)]);
    assert!(kept.of("maven").is_empty());
    let (_, kept) = looked(&root, Limits { depth: 40, ..Limits::default() }, false);
    kept.has_no_gaps();
    assert_eq!(kept.of("maven").len(), 1);
}

/// Twenty archives of 20 MiB each, which must be inflated to get at their lists, in half a MiB.
#[test]
fn a_bomb_of_archives_in_an_archive_is_stopped() {
    let inner = zip(&[("x.bin", &vec![b'x'; 20 << 20])], false, 0);
    let (sum, packed) = (checksum(&inner), deflate(&inner));
    let names: Vec<_> = (0..20).map(|number| format!("{number}.zip")).collect();
    let members: Vec<Packed<'_>> = names.iter().map(|name| (name.as_str(), sum, inner.len(), packed.clone())).collect();
    let outer = zip_of(&members, 8);
    let size = outer.len() as u64;
    let root = root(&[("bomb.zip", outer)]);
    let limits = Limits { ratio: 10, ..Limits::default() };
    let (looked, kept) = looked(&root, limits, false);
    assert!(!kept.gaps.is_empty());
    assert!(kept.gaps.iter().all(|gap| gap.reason == GapReason::Limit), "{:#?}", kept.gaps());
    assert!(kept.gaps.iter().all(|gap| gap.locator.as_str().starts_with("/bomb.zip")));
    let most = Limits::SLACK + size * limits.ratio + (1 << 20);
    assert!(looked.bytes_inflated <= most, "{} bytes", looked.bytes_inflated);
}

#[test]
fn members_that_are_too_many_are_a_gap_at_the_archive() {
    let members: Vec<_> = (0..100).map(|number| format!("{number}.txt")).collect();
    let members: Vec<_> = members.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
    let root = root(&[("x.tar", tar(&[("inner.zip", &zip(&members, false, 0))]))]);
    let (looked, kept) = looked(&root, Limits { members: 50, ..Limits::default() }, false);
    // They count for the file of the place and all in it; where the limit is met is where the gap is.
    assert_eq!(kept.gaps()[0], ("/x.tar!/inner.zip", GapReason::Limit));
    assert!(looked.members <= 50);
}

// --- what is none ----------------------------------------------------------------------------------------------------------

#[test]
fn zeros_are_no_image() {
    let root = root(&[("var/log/lastlog", vec![0; 100_000]), ("sparse", vec![0; 4096])]);
    let (_, kept) = looked(&root, Limits::default(), false);
    kept.has_no_gaps();
}

#[test]
fn a_stream_that_begins_with_an_empty_one_is_opened() {
    let bytes = tar(&[("x.jar", &zip(&[(POM, PROPERTIES)], true, 0))]);
    let root = root(&[("x.tar.gz", [gzip(b""), gzip(&bytes)].concat())]);
    let (_, kept) = looked(&root, Limits::default(), false);
    assert_eq!(kept.of("maven").len(), 1, "{:?}", kept.paths());
}

/// Not every name that ends with a digit is one of a manual page.
#[test]
fn an_archive_is_opened_whatever_it_is_called() {
    let bytes = gzip(&tar(&[("x.jar", &zip(&[(POM, PROPERTIES)], true, 0))]));
    for name in ["backup.1.gz", "app-1.2.3.gz", "readme.gz", "news.old.gz", "data.ts.gz"] {
        let root = root(&[(name, bytes.clone())]);
        let (_, kept) = looked(&root, Limits::default(), false);
        assert!(kept.of("maven").len() == 1 || !kept.gaps.is_empty(), "{name} was passed over");
    }
}
