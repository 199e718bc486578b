//! Places that are more than a folder: what lies in archives and images, a locator as a place, an SBOM, and the second look.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../collect/fixtures")
}

fn run(arguments: &[&str]) -> Output {
    Command::cargo_bin("ostrakon").unwrap().args(arguments).output().unwrap()
}

fn identify(place: &Path, more: &[&str]) -> (Value, i32) {
    let arguments = ["identify", place.to_str().unwrap(), "--order", "ndaa-2018-1634", "--format", "json"];
    let output = run(&[&arguments, more].concat());
    let value = serde_json::from_slice(&output.stdout);
    let value = value.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (value, output.status.code().unwrap())
}

fn shell(folder: &Path, script: &str) {
    let output = Command::new("bash").args(["-euc", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Product, presence, grade, and evidence as attribute, value and locator.
fn found(answer: &Value) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for finding in answer["findings"].as_array().unwrap() {
        for it in finding["evidence"].as_array().unwrap() {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            let of = [&finding["product"], &finding["presence"], &finding["grade"]].map(word).join(" ");
            rows.push(format!("{of}: {} {} {}", word(&it["attribute"]), word(&it["value"]), word(&it["locator"])));
        }
    }
    rows.sort();
    rows
}

#[test]
fn what_is_left_out_and_ones_own_output_is_not_looked_at_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("root"), folder.path().join("root/answer.json"));
    fs::create_dir_all(root.join("opt/kaspersky/kesl/bin")).unwrap();
    fs::write(root.join("opt/kaspersky/kesl/bin/kesl"), "text").unwrap();
    fs::write(root.join("other"), "text").unwrap();
    let (answer, code) = identify(&root, &[]);
    assert_eq!((code, answer["coverage"]["files"].as_u64()), (1, Some(2)));
    let left_out = root.join("opt");
    let (answer, code) = identify(&root, &["--exclude", left_out.to_str().unwrap()]);
    assert_eq!((code, answer["coverage"]["files"].as_u64()), (3, Some(1)));
    assert_eq!(answer["coverage"]["gaps"][0]["reason"], "excluded-by-request");
    assert_eq!(answer["coverage"]["gaps"][0]["locator"], "/opt");
    let arguments = ["identify", root.to_str().unwrap(), "--order", "ndaa-2018-1634", "--format", "json", "--out"];
    // The second time it is there when the look begins.
    for _ in 0..2 {
        run(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    }
    let answer: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(answer["coverage"]["excluded"][0]["reason"], "own-output", "{answer:#}");
}

/// An OCI layout whose one layer holds a jar in a war in a tar.zst, a package database, and what a layer above deletes.
fn layout(folder: &Path) -> PathBuf {
    let script = r#"
        mkdir -p base/var/lib/dpkg/info base/usr/lib base/srv base/opt/kaspersky/kesl/bin top/opt work/WEB-INF/lib
        printf 'Package: kesl\nStatus: install ok installed\nVersion: 12.1\n\n' > base/var/lib/dpkg/status
        printf 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n' > base/usr/lib/os-release
        echo text > base/opt/kaspersky/kesl/bin/kesl
        mkdir -p jar/META-INF/maven/com.kaspersky.android-components/kaspresso
        printf 'groupId=com.kaspersky.android-components\nartifactId=kaspresso\nversion=1.6.0\n' \
            > jar/META-INF/maven/com.kaspersky.android-components/kaspresso/pom.properties
        python3 - <<'PYTHON'
import zipfile, pathlib
def pack(out, top):
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(pathlib.Path(top).rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(top))
pack("work/WEB-INF/lib/x.jar", "jar")
pack("app.war", "work")
PYTHON
        tar --zstd -cf base/srv/backup.tar.zst app.war
        # The layer above removes the product's folder, and its package.
        touch top/opt/.wh.kaspersky
        mkdir -p top/var/lib/dpkg
        printf 'Package: nano\nStatus: install ok installed\nVersion: 7\n\n' > top/var/lib/dpkg/status
        tar -C base -czf base.tar.gz . && tar -C top -czf top.tar.gz .
        mkdir -p image/blobs/sha256
        put() { local sum; sum=$(sha256sum "$1" | cut -d' ' -f1); cp "$1" "image/blobs/sha256/$sum"; echo "$sum"; }
        base=$(put base.tar.gz); top=$(put top.tar.gz)
        echo "{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" > config
        config=$(put config)
        echo "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:$config\"},\"layers\":[{\"digest\":\"sha256:$base\"},{\"digest\":\"sha256:$top\"}]}" > manifest
        manifest=$(put manifest)
        echo '{"imageLayoutVersion":"1.0.0"}' > image/oci-layout
        echo "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:$manifest\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"shop:1\"}}]}" > image/index.json
        tar -C image -cf image.tar .
        echo "$base" > base.sum
    "#;
    shell(folder, script);
    folder.join("image")
}

#[test]
fn a_jar_in_a_war_in_an_archive_in_a_layer_is_found_and_its_locator_finds_it_again() {
    let folder = tempfile::tempdir().unwrap();
    layout(folder.path());
    let image = folder.path().join("image.tar");
    let (answer, code) = identify(&image, &[]);
    assert_eq!(code, 1, "{answer:#}");
    assert_eq!(answer["assets"][0]["kind"], "image");
    assert_eq!(answer["assets"][0]["name"], "shop:1");
    assert_eq!(answer["assets"][0]["os"], "Debian GNU/Linux 12");
    let rows = found(&answer);
    let base = fs::read_to_string(folder.path().join("base.sum")).unwrap();
    let whole = fs::canonicalize(&image).unwrap();
    let layer = format!("{}!/blobs/sha256/{}", whole.display(), base.trim());
    let jar = format!("{layer}!/srv/backup.tar.zst!/app.war!/WEB-INF/lib/x.jar");
    let properties = "/META-INF/maven/com.kaspersky.android-components/kaspresso/pom.properties";
    let locator = format!("{jar}!{properties}");
    let mine: Vec<&String> = rows.iter().filter(|row| row.ends_with(&locator)).collect();
    assert!(!mine.is_empty(), "{rows:#?}");

    // The locator alone, as it was printed.
    let (again, code) = identify(Path::new(&locator), &[]);
    assert_eq!(code, 1, "{again:#}");
    let rows_again = found(&again);
    assert_eq!(rows_again.iter().collect::<Vec<_>>(), mine, "the locator must reproduce the finding");

    let (nothing, code) = identify(Path::new(&format!("{jar}!/META-INF/nothing")), &[]);
    assert_eq!((found(&nothing).len(), code), (0, 3), "what is not there is a gap: {nothing:#}");
}

#[test]
fn what_a_layer_deletes_is_in_the_layer_and_not_in_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = layout(folder.path());
    for place in [image, folder.path().join("image.tar")] {
        let (answer, _) = identify(&place, &[]);
        let kesl = answer["findings"].as_array().unwrap().iter().find(|it| it["product"] == "kesl").unwrap().clone();
        assert_eq!(kesl["presence"], "dormant", "{kesl:#}");
        assert!(kesl["evidence"].as_array().unwrap().iter().all(|it| it["locator"].as_str().unwrap().contains('!')));
    }
    // Without the layer above it is installed in the image.
    shell(
        folder.path(),
        r#"
        base=$(cat base.sum)
        manifest=$(sha256sum manifest | cut -d' ' -f1)
        echo "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:$base\"}]}" > "image/blobs/sha256/$manifest"
        "#,
    );
    let (answer, _) = identify(&folder.path().join("image"), &[]);
    let kesl = answer["findings"].as_array().unwrap().iter().find(|it| it["product"] == "kesl").unwrap().clone();
    assert_eq!((kesl["presence"].as_str(), kesl["root"].as_str()), (Some("installed"), Some("")), "{kesl:#}");
}

/// A root with programs, lists, archives and a database.
fn root(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    for fixture in ["dpkg/real", "elf/real", "npm/real", "pypi/real", "maven/real", "package-file/real", "systemd/real"]
    {
        let from = fixtures().join(fixture);
        let done = Command::new("cp").arg("-a").arg(format!("{}/.", from.display())).arg(&root).status();
        fs::create_dir_all(&root).unwrap();
        if !done.unwrap().success() {
            let done = Command::new("cp").arg("-a").arg(format!("{}/.", from.display())).arg(&root).status();
            assert!(done.unwrap().success());
        }
    }
    shell(
        &root,
        "mkdir -p srv && tar -czf srv/backup.tar.gz opt usr && printf 'x' > srv/cut.zip && printf 'PK\\003\\004aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' > srv/broken.zip",
    );
    // A file that was written just now has no stamp.
    shell(&root, "find . -exec touch -h -d '2024-01-02 03:04:05' {} +");
    root
}

/// The answer without what differs from run to run.
fn lasting(mut answer: Value) -> Value {
    for key in ["started", "finished"] {
        answer.as_object_mut().unwrap().remove(key);
    }
    for asset in answer["assets"].as_array_mut().unwrap() {
        asset.as_object_mut().unwrap().remove("started");
    }
    let coverage = answer["coverage"].as_object_mut().unwrap();
    for key in ["bytes_read", "bytes_inflated"] {
        coverage.remove(key);
    }
    answer
}

#[test]
fn a_second_look_reads_what_changed_and_says_what_a_full_look_says() {
    let folder = tempfile::tempdir().unwrap();
    let root = root(folder.path());
    let bundle = folder.path().join("first.ostrakon");
    // Times of change are those of now: the look must come later than what it gives a stamp.
    std::thread::sleep(Duration::from_millis(3100));
    let place = root.to_str().unwrap();
    let output = run(&["inventory", place, "--out", bundle.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let since = ["--since", bundle.to_str().unwrap()];
    let read = |answer: &Value| answer["coverage"]["bytes_read"].as_u64().unwrap();
    let same = |what: &str| {
        let (full, _) = identify(&root, &[]);
        let (second, _) = identify(&root, &since);
        assert!(read(&second) < read(&full) / 2, "{what}: {} of {} bytes read again", read(&second), read(&full));
        assert!(lasting(second.clone()) == lasting(full.clone()), "{what}: {:#?} {:#?}", found(&second), found(&full));
        full
    };
    let before = same("nothing changed");
    assert!(found(&before).len() > 5, "{:#?}", found(&before));

    // Changed: another version in a list of the same length and time; only the time of change tells.
    let list = root.join("usr/lib/node_modules/tslib/package.json");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("tslib", "hexas")).unwrap();
    shell(&root, "touch -d '2024-01-02 03:04:05' usr/lib/node_modules/tslib/package.json");
    same("changed in place, its time put back");
    // Touched: the same content.
    shell(&root, "touch usr/share/java/*.jar 2>/dev/null || touch var/lib/dpkg/status");
    same("touched");
    // Replaced: another file of the same name, size and time.
    let archive = root.join("srv/backup.tar.gz");
    let bytes = fs::read(&archive).unwrap();
    fs::remove_file(&archive).unwrap();
    let mut other = bytes.clone();
    let middle = other.len() / 2;
    other[middle] ^= 0xff;
    fs::write(&archive, other).unwrap();
    shell(&root, "touch -d '2024-01-02 03:04:05' srv/backup.tar.gz");
    same("replaced");
    // Gone and new.
    shell(&root, "rm -r opt && mkdir -p opt/kaspersky/kesl/bin && echo x > opt/kaspersky/kesl/bin/kesl");
    let after = same("gone and new");
    assert_ne!(found(&after), found(&before));

    // A bundle made of a second look serves as well as one made of a first.
    let next = folder.path().join("next.ostrakon");
    std::thread::sleep(Duration::from_millis(3100));
    let output = run(&["inventory", place, "--out", next.to_str().unwrap(), "--since", bundle.to_str().unwrap()]);
    assert!(output.status.success());
    let asked = |bundle: &Path| lasting(identify(bundle, &[]).0);
    let (full, _) = identify(&root, &[]);
    assert_eq!(found(&asked(&next)), found(&full));
    assert!(asked(&next)["findings"] == lasting(full.clone())["findings"]);
    let (second, _) = identify(&root, &["--since", next.to_str().unwrap()]);
    assert!(lasting(second) == lasting(full.clone()));
    // Whoever wants everything read gets it.
    let (paranoid, _) = identify(&root, &[&since[..], &["--paranoid"]].concat());
    assert!(read(&paranoid) >= read(&full));
}

#[test]
fn another_place_or_other_limits_are_no_second_look() {
    let folder = tempfile::tempdir().unwrap();
    let root = root(folder.path());
    let bundle = folder.path().join("first.ostrakon");
    run(&["inventory", root.to_str().unwrap(), "--out", bundle.to_str().unwrap()]);
    let since = ["--since", bundle.to_str().unwrap()];
    for (place, more, why) in
        [(root.join("usr"), vec![], "another place"), (root.clone(), vec!["--depth", "1"], "other limits for archives")]
    {
        let arguments = ["identify", place.to_str().unwrap(), "--order", "bod-17-01"];
        let output = run(&[&arguments[..], &since, &more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why) && said.contains("every file is read again"), "{said}");
    }
}

#[test]
fn a_statement_that_it_is_not_there_is_shown_and_silences_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let package = root.join("usr/lib/node_modules/@kaspersky/hexa-ui");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.json"), r#"{"name":"@kaspersky/hexa-ui","version":"6.1.0"}"#).unwrap();
    let (plain, code) = identify(&root, &[]);
    let statement = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex-1","author":"Shop Ltd","timestamp":"2026-01-01T00:00:00Z","version":1,
        "statements":[{"vulnerability":{"name":"CVE-2024-0001"},"products":[{"@id":"pkg:npm/%40kaspersky/hexa-ui@6.1.0"}],
        "status":"not_affected","justification":"component_not_present"}]}"#;
    fs::write(root.join("shop.vex.json"), statement).unwrap();
    let (disputed, same) = identify(&root, &[]);
    assert_eq!((code, same), (1, 1));
    assert_eq!(found(&plain), found(&disputed));
    let said = &disputed["findings"][0]["disputed"][0];
    assert_eq!(
        (said["author"].as_str(), said["justification"].as_str()),
        (Some("Shop Ltd"), Some("component_not_present"))
    );
    let table = run(&["identify", root.to_str().unwrap(), "--order", "ndaa-2018-1634"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("Disputed: Shop Ltd says component_not_present"));
}

#[test]
fn a_program_that_only_says_whose_it_is_is_possible_with_the_contradiction_shown() {
    let (answer, code) = identify(&fixtures().join("pe/real-forged"), &[]);
    assert_eq!(code, 3, "{answer:#}");
    let findings = answer["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["grade"] == "possible"), "{findings:#?}");
    let notes: Vec<&str> = findings
        .iter()
        .flat_map(|finding| finding["evidence"].as_array().unwrap())
        .filter_map(|it| it["note"].as_str())
        .collect();
    assert!(notes.iter().any(|note| note.contains("not signed")), "{notes:?}");
}
