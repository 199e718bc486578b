//! What real tools wrote: the exact list of members, what each is and what it holds.

use super::{Seen, fault_of, fixture, fixtures, look, members, name_of, told};
use ostrakon_model::GapReason;
use ostrakon_place::container::{Bytes, Format, Limits, NotOpened};
use ostrakon_place::{EntryKind, Fault};

/// A member as it must come: path, kind, content.
type Wanted = (String, EntryKind, Vec<u8>);

const README: &str = "/opt/kaspersky/kesl/readme.txt";
const NAMED: &str = "/docs/Ünïcode – имя.txt";
const FOLDERS: [&str; 6] = ["/bin", "/docs", "/docs/none", "/opt", "/opt/kaspersky", "/opt/kaspersky/kesl"];

fn readme() -> Vec<u8> {
    "Kaspersky Endpoint Security for Linux, a file of a fixture.\n".repeat(5).into_bytes()
}

fn tool() -> Vec<u8> {
    (0..=u8::MAX).chain(0..=u8::MAX).collect()
}

fn large() -> Vec<u8> {
    "The same line once more, and once more.\n".repeat(1750).into_bytes()
}

fn wanted(path: &str, kind: EntryKind, content: &[u8]) -> Wanted {
    (path.to_owned(), kind, content.to_vec())
}

/// The files of the tree that the script puts into every archive.
fn files() -> Vec<Wanted> {
    [
        ("/bin/tool", tool()),
        ("/docs/empty", Vec::new()),
        ("/docs/large.txt", large()),
        (NAMED, "имя\n".as_bytes().to_vec()),
        (README, readme()),
    ]
    .into_iter()
    .map(|(path, content)| wanted(path, EntryKind::File, &content))
    .collect()
}

fn folders(paths: &[&str]) -> Vec<Wanted> {
    paths.iter().map(|path| wanted(path, EntryKind::Folder, b"")).collect()
}

/// The whole tree: with its link, if the format has those, and what it gives as the content of one.
fn tree(link: Option<&str>) -> Vec<Wanted> {
    let mut list = [files(), folders(&FOLDERS)].concat();
    list.extend(link.map(|target| wanted("/bin/link", EntryKind::Link, target.as_bytes())));
    list
}

/// Compares what came with what must come, in any order.
fn compare(name: &str, mut seen: Vec<Seen>, result: &Result<(), Fault>, mut list: Vec<Wanted>) {
    assert_eq!(result, &Ok(()), "{name}");
    seen.sort_by(|one, other| one.path.cmp(&other.path));
    list.sort_by(|one, other| one.0.cmp(&other.0));
    let paths: Vec<_> = seen.iter().map(|it| (String::from_utf8_lossy(&it.path).into_owned(), it.kind)).collect();
    let expected: Vec<_> = list.iter().map(|(path, kind, _)| (path.clone(), *kind)).collect();
    assert_eq!(paths, expected, "{name}");
    for (member, (path, _, content)) in seen.iter().zip(&list) {
        match &member.content {
            Ok(found) => assert!(found == content, "{name}: {path} has {} bytes of another content", found.len()),
            Err(fault) => panic!("{name}: {path}: {fault:?}"),
        }
    }
}

/// A fixture must be told to be of `format`, and hold `list`.
fn holds(name: &str, format: Format, list: Vec<Wanted>) {
    let bytes = fixture(name);
    assert_eq!(told(name_of(name), &Bytes(&bytes)), Some(Ok(format)), "{name}");
    let (seen, result) = members(format, name_of(name), &Bytes(&bytes), Limits::default());
    compare(name, seen, &result, list);
}

#[test]
fn zip_archives() {
    for name in ["deflate.zip", "plain/stored.zip.gz", "bzip2.zip", "prefix.jar", "adjusted.pyz"] {
        holds(name, Format::Zip, tree(Some("tool")));
    }
    for name in ["descriptor.zip", "lzma.zip", "deflate64.zip", "xz.zip"] {
        holds(name, Format::Zip, tree(None));
    }
    for name in ["zstd.zip", "zip64.zip"] {
        holds(name, Format::Zip, files());
    }
}

#[test]
fn names_in_zip_archives_are_bytes() {
    // `Касперский/имя.txt` in code page 866.
    let bytes = fixture("cp866.zip");
    let (seen, result) = look("cp866.zip", &Bytes(&bytes)).unwrap();
    assert_eq!(result, Ok(()));
    let name = b"/\x8a\xa0\xe1\xaf\xa5\xe0\xe1\xaa\xa8\xa9/\xa8\xac\xef.txt";
    assert_eq!(seen.iter().map(|it| it.path.as_slice()).collect::<Vec<_>>(), [name]);
    let list = [folders(&["/opt/kaspersky"]), vec![wanted("/opt/kaspersky/name.txt", EntryKind::File, b"name\n")]];
    holds("backslash.zip", Format::Zip, list.concat());
}

#[test]
fn what_needs_a_password_says_so() {
    let bytes = fixture("encrypted.zip");
    let (seen, result) = look("encrypted.zip", &Bytes(&bytes)).unwrap();
    assert_eq!(result, Ok(()));
    let reasons: Vec<_> =
        seen.iter().map(|it| (it.text(), it.content.as_ref().map(Vec::len).map_err(|fault| fault.reason))).collect();
    assert_eq!(reasons, [(README.to_owned(), Ok(300)), ("/bin/tool".to_owned(), Err(GapReason::Encrypted))]);

    let bytes = fixture("aes.zip");
    let (seen, result) = look("aes.zip", &Bytes(&bytes)).unwrap();
    assert_eq!(result, Ok(()));
    assert_eq!(seen.iter().filter(|it| it.kind == EntryKind::File).count(), 5);
    for member in seen.iter().filter(|it| it.kind == EntryKind::File) {
        let reason = member.content.as_ref().map_err(|fault| fault.reason).err();
        assert_eq!(reason, Some(GapReason::Encrypted), "{}", member.text());
    }
}

#[test]
fn a_7z_archive_that_needs_a_password_says_so() {
    for name in ["closed.7z", "closed-names.7z"] {
        assert_eq!(fault_of(name, &fixture(name)).reason, GapReason::Encrypted, "{name}");
    }
}

#[test]
fn a_method_that_is_not_known_is_said() {
    let bytes = fixture("ppmd.zip");
    let (seen, result) = look("ppmd.zip", &Bytes(&bytes)).unwrap();
    assert_eq!(result, Ok(()));
    let large = seen.iter().find(|it| it.path == b"/docs/large.txt").unwrap();
    assert_eq!(large.content.as_ref().map_err(|fault| fault.reason), Err(GapReason::UnsupportedFormat));
    // What is not compressed by it can be read.
    let named = seen.iter().find(|it| it.path == NAMED.as_bytes()).unwrap();
    assert_eq!(named.content.as_deref(), Ok("имя\n".as_bytes()));
}

#[test]
fn tar_archives() {
    for name in ["v7", "ustar", "gnu", "pax"] {
        holds(&format!("plain/{name}.tar.gz"), Format::Tar, tree(Some("")));
    }
    holds("plain/dot.tar.gz", Format::Tar, [tree(Some("")), folders(&["/"])].concat());
}

/// What is in the archives with long names.
fn long() -> Vec<Wanted> {
    let mut sparse = vec![0; 300_000];
    sparse[..5].copy_from_slice(b"begin");
    sparse[299_997..].copy_from_slice(b"end");
    let mut list = vec![wanted("/", EntryKind::Folder, b""), wanted("/sparse.bin", EntryKind::File, &sparse)];
    for (part, count, file) in [("a-folder-with-a-long-name", 6, "file.txt"), ("папка с длинным именем", 4, "имя.txt")]
    {
        let mut path = String::new();
        for _ in 0..count {
            path = format!("{path}/{part}");
            list.push(wanted(&path, EntryKind::Folder, b""));
        }
        list.push(wanted(&format!("{path}/{file}"), EntryKind::File, b"long\n"));
    }
    list
}

#[test]
fn tar_archives_with_long_names_and_holes() {
    holds("plain/long-gnu.tar.gz", Format::Tar, long());
    holds("plain/long-pax.tar.gz", Format::Tar, long());
}

#[test]
fn holes_as_pax_writes_them_are_read_or_a_fault() {
    let bytes = fixture("plain/sparse-pax.tar.gz");
    let (seen, result) = look("sparse-pax.tar", &Bytes(&bytes)).unwrap();
    let right =
        seen.iter().any(|it| it.path == b"/sparse.bin" && it.content.as_ref().is_ok_and(|it| it.len() == 300_000));
    let said = !super::faults(&seen, &result).is_empty();
    assert!(right || said, "a map of holes passed for the content of {}", seen[0].text());
}

#[test]
fn compressed_archives() {
    use ostrakon_place::container::Codec;
    for (ending, codec) in [
        ("gz", Codec::Gzip),
        ("xz", Codec::Xz),
        ("zst", Codec::Zstd),
        ("bz2", Codec::Bzip2),
        ("lz4", Codec::Lz4),
        ("lzma", Codec::Lzma),
    ] {
        holds(&format!("one.tar.{ending}"), Format::Compressed(codec), tree(Some("")));
    }
    holds("large.txt.gz", Format::Compressed(Codec::Gzip), vec![wanted("/large.txt", EntryKind::File, &large())]);
}

#[test]
fn streams_in_a_row_are_one() {
    for ending in ["gz", "xz", "zst", "bz2"] {
        let name = format!("two.tar.{ending}");
        let bytes = fixture(&name);
        let (seen, result) = look(&name, &Bytes(&bytes)).unwrap();
        compare(&name, seen, &result, tree(Some("")));
    }
}

#[test]
fn frames_of_lz4_in_a_row_are_one() {
    let bytes = fixture("two.tar.lz4");
    let (seen, result) = look("two.tar.lz4", &Bytes(&bytes)).unwrap();
    compare("two.tar.lz4", seen, &result, tree(Some("")));
}

/// As kernels and initramfs images are compressed by `lz4 -l`: opened or named, never passed over.
#[test]
fn lz4_from_before_its_frames_is_known() {
    let bytes = fixture("legacy.tar.lz4");
    assert_ne!(told("legacy.tar.lz4", &Bytes(&bytes)), None);
}

#[test]
fn archives_of_7z() {
    for name in ["lzma2.7z", "apart.7z", "bcj.7z", "bcj2.7z", "ppmd.7z", "deflate.7z", "bzip2.7z", "plain/copy.7z.gz"] {
        holds(name, Format::SevenZip, tree(None));
    }
}

#[test]
fn a_link_in_a_7z_archive_is_one() {
    let list = vec![wanted("/bin/tool", EntryKind::File, &tool()), wanted("/bin/link", EntryKind::Link, b"tool")];
    holds("link.7z", Format::SevenZip, [list, folders(&["/bin"])].concat());
}

#[test]
fn cabinets() {
    for name in ["mszip.cab", "plain/stored.cab.gz", "lzx.cab", "folders.cab"] {
        holds(name, Format::Cab, files());
    }
}

#[test]
fn packages_of_windows_installer() {
    let bytes = fixture("plain/product.msi.gz");
    assert_eq!(told("product.msi", &Bytes(&bytes)), Some(Ok(Format::Msi)));
    let (seen, result) = members(Format::Msi, "product.msi", &Bytes(&bytes), Limits::default());
    let cabinet = seen.iter().find(|it| it.text() == "/media1.cab").unwrap().content.clone().unwrap();
    let list = [("/Binary.tool", tool()), ("/Binary.large.txt", large()), ("/media1.cab", cabinet.clone())];
    compare("product.msi", seen, &result, list.map(|(path, content)| wanted(path, EntryKind::File, &content)).to_vec());
    let (seen, result) = members(Format::Cab, "media1.cab", &Bytes(&cabinet), Limits::default());
    compare("media1.cab", seen, &result, vec![wanted("/readme.txt", EntryKind::File, &readme())]);
    // Under another name it is one by its class; what has another class is a document.
    let (seen, _) = members(Format::Msi, "4a1c0", &Bytes(&bytes), Limits::default());
    assert_eq!(seen.len(), 3);
    let class = bytes.windows(4).position(|it| it == [0x84, 0x10, 0x0c, 0]).unwrap();
    let document = [&bytes[..class], &[6, 9, 2], &bytes[class + 3..]].concat();
    let (seen, result) = members(Format::Msi, "letter.doc", &Bytes(&document), Limits::default());
    assert_eq!((seen.len(), result), (0, Ok(())));
}

#[test]
fn cpio_archives() {
    for name in ["newc", "odc", "crc"] {
        holds(&format!("plain/{name}.cpio.gz"), Format::Cpio, tree(Some("tool")));
    }
    // The oldest form is known and not read.
    let reason = fault_of("bin.cpio", &fixture("plain/bin.cpio.gz")).reason;
    assert_eq!(reason, GapReason::UnsupportedFormat);
}

fn initramfs() -> Vec<Wanted> {
    let early = folders(&["/kernel", "/kernel/x86", "/kernel/x86/microcode"]);
    let file = wanted("/kernel/x86/microcode/GenuineIntel.bin", EntryKind::File, b"early\n");
    [tree(Some("tool")), early, vec![file]].concat()
}

#[test]
fn an_initramfs_is_archives_in_a_row() {
    for name in ["initramfs-gz.img", "initramfs-zst.img"] {
        holds(name, Format::Cpio, initramfs());
    }
}

#[test]
fn an_initramfs_by_lz4_is_read_or_a_fault() {
    let bytes = fixture("initramfs-lz4.img");
    let (seen, result) = look("initramfs-lz4.img", &Bytes(&bytes)).unwrap();
    if result.is_ok() {
        compare("initramfs-lz4.img", seen, &result, initramfs());
    }
}

#[test]
fn debian_packages() {
    for (name, ending) in [("xz.deb", ".xz"), ("zstd.deb", ".zst"), ("gzip.deb", ".gz"), ("plain/none.deb.gz", "")] {
        let bytes = fixture(name);
        let (seen, result) = look(name_of(name), &Bytes(&bytes)).unwrap();
        assert_eq!(result, Ok(()), "{name}");
        let paths: Vec<_> = seen.iter().map(Seen::text).collect();
        let (control, data) = (format!("/control.tar{ending}"), format!("/data.tar{ending}"));
        assert_eq!(paths, ["/debian-binary", control.as_str(), data.as_str()], "{name}");
        assert!(seen.iter().all(|it| it.kind == EntryKind::File));
        assert_eq!(seen[0].content.as_deref(), Ok(b"2.0\n".as_slice()), "{name}");

        let inner = seen[2].content.as_ref().unwrap();
        let (seen_inside, result) = look(&data, &Bytes(inner)).unwrap();
        compare(name, seen_inside, &result, [tree(Some("")), folders(&["/"])].concat());
        let inner = seen[1].content.as_ref().unwrap();
        let (control, _) = look(&control, &Bytes(inner)).unwrap();
        let control = control.iter().find(|it| it.path == b"/control").unwrap();
        assert!(control.content.as_ref().unwrap().starts_with(b"Package: kesl\n"), "{name}");
    }
}

#[test]
fn rpm_packages() {
    for name in ["gzip.rpm", "xz.rpm", "zstd.rpm", "lzma.rpm"] {
        let link = wanted("/bin/link", EntryKind::Link, b"tool");
        let folders = folders(&["/docs", "/docs/none", "/opt/kaspersky", "/opt/kaspersky/kesl"]);
        holds(name, Format::Rpm, [files(), folders, vec![link]].concat());
    }
}

#[test]
fn an_alpine_package_is_three_archives() {
    let info =
        "pkgname = kesl\npkgver = 12.1.0-r0\narch = x86_64\nmaintainer = AO Kaspersky Lab <support@kaspersky.com>\n";
    let others = vec![
        wanted("/.SIGN.RSA.example.rsa.pub", EntryKind::File, &tool()[..256]),
        wanted("/.PKGINFO", EntryKind::File, info.as_bytes()),
    ];
    let bytes = fixture("alpine.apk");
    let (seen, result) = look("alpine.apk", &Bytes(&bytes)).unwrap();
    compare("alpine.apk", seen, &result, [tree(Some("")), others].concat());
}

#[test]
fn java_archives_in_java_archives() {
    let mut bytes = fixture("app.tar.zst");
    let mut name = "app.tar.zst".to_owned();
    for inner in
        ["/app.war", "/WEB-INF/lib/scanner.jar", "/META-INF/maven/com.kaspersky.example/scanner/pom.properties"]
    {
        let (seen, result) = look(&name, &Bytes(&bytes)).unwrap();
        assert_eq!(result, Ok(()), "{name}");
        let member = seen.into_iter().find(|it| it.path == inner.as_bytes()).unwrap();
        bytes = member.content.unwrap();
        name = inner.to_owned();
    }
    assert_eq!(bytes, b"version=1.2.3\ngroupId=com.kaspersky.example\nartifactId=scanner\n");
}

#[test]
fn programs_with_an_archive_behind_them() {
    holds("setup-none.exe", Format::SelfExtracting, Vec::new());
    holds("setup-zip.exe", Format::SelfExtracting, tree(Some("tool")));
    for (name, inside, list) in
        [("setup-7z.exe", Format::SevenZip, tree(None)), ("tool.AppImage", Format::Squashfs, tree(Some("tool")))]
    {
        let bytes = fixture(name);
        assert_eq!(told(name, &Bytes(&bytes)), Some(Ok(Format::SelfExtracting)), "{name}");
        let (seen, result) = look(name, &Bytes(&bytes)).unwrap();
        assert_eq!(result, Ok(()), "{name}");
        assert_eq!(seen.iter().map(Seen::text).collect::<Vec<_>>(), ["/[overlay]"], "{name}");
        let overlay = seen[0].content.as_ref().unwrap();
        assert_eq!(told("[overlay]", &Bytes(overlay)), Some(Ok(inside)), "{name}");
        let (seen, result) = members(inside, "[overlay]", &Bytes(overlay), Limits::default());
        compare(name, seen, &result, list);
    }
}

/// What an installer of WiX installs is in the second cabinet behind it.
#[test]
fn a_second_cabinet_is_not_passed_over() {
    let bytes = fixture("setup-two.exe");
    let (outer, result) = look("setup-two.exe", &Bytes(&bytes)).unwrap();
    let mut said = result.is_err();
    let mut paths = Vec::new();
    for member in &outer {
        let content = member.content.as_ref().unwrap();
        let (seen, result) = members(Format::Cab, "x.cab", &Bytes(content), Limits::default());
        said |= result.is_err();
        paths.extend(seen.iter().map(Seen::text));
    }
    assert!(said || paths.iter().any(|path| path == "/bin/tool"), "only {paths:?} was seen, and nothing said");
}

#[test]
fn rar_archives_are_named() {
    for name in ["4.rar", "5.rar"] {
        assert_eq!(told(name, &Bytes(&fixture(name))), Some(Err(NotOpened("rar archive"))), "{name}");
    }
}

#[test]
fn all_fixtures_are_small() {
    for name in super::all_fixtures() {
        let size = std::fs::metadata(fixtures().join(&name)).unwrap().len();
        assert!(size < 10 << 10, "{name} has {size} bytes");
    }
}
