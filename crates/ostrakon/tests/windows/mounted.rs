//! A volume that is mounted by ntfs-3g, as any folder.

use crate::{Images, identify, identify_for, images, missed, run, text, wanted};
use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted volume, for as long as it lives.
struct Mounted(PathBuf);

impl Mounted {
    fn of(disk: &Path, truth: &Value, at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let volume = truth["disk"]["partitions"].as_array().unwrap().iter().find(|it| it["name"] == "windows").unwrap();
        let options = format!("ro,loop,offset={},sizelimit={}", volume["offset"], volume["size"]);
        run(Command::new("mount").args(["-t", "ntfs-3g", "-o", &options]).arg(disk).arg(&at));
        Self(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Every text called `name`, however deep.
fn texts(value: &Value, name: &str) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| match inner {
                Value::String(text) if key == name => vec![text.clone()],
                _ => texts(inner, name),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(|inner| texts(inner, name)).collect(),
        _ => Vec::new(),
    }
}

/// What ntfs-3g does not give: files that Windows packed by WOF, other streams, and what was deleted.
const NOT_MOUNTED: [&str; 5] = ["xpress4k", "xpress16k", "lzx", "stream", "deleted"];

#[test]
#[ignore = "needs root, FUSE, loop devices and ntfs-3g"]
fn what_is_on_a_mounted_windows_volume_is_found_and_lookalikes_are_not() {
    if !["/dev/fuse", "/dev/loop-control"].iter().all(|device| Path::new(device).try_exists().unwrap()) {
        eprintln!("skipped: this machine has no FUSE or no loop devices");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Images { folder: images, truth, .. } = images();
    let volume = Mounted::of(&images.join("disk.raw"), truth, folder.path().join("c"));
    let (answer, code) = identify(&volume.0);
    assert_eq!(code, Some(1));
    let findings = answer["findings"].as_array().unwrap();

    // Deleted keys are in their hive all the same.
    let here = |plant: &&Value| plant["key"].is_string() || !NOT_MOUNTED.contains(&text(plant, "state"));
    let wanted: Vec<&Value> = wanted(truth).into_iter().filter(here).collect();
    assert_eq!(missed(&wanted, findings, ""), [""; 0], "of {}", wanted.len());
    assert!(wanted.len() > 40, "{}", wanted.len());

    // The registry names packaged apps, which another order is about.
    let (of_apps, _) = identify_for(&volume.0, "omb-m-23-13");
    let apps: Vec<&Value> =
        truth["plants"].as_array().unwrap().iter().filter(|it| text(it, "product") == "tiktok").collect();
    assert_eq!((apps.len(), missed(&apps, of_apps["findings"].as_array().unwrap(), "")), (2, Vec::new()));

    // What ran, or is to be, proves no presence by itself.
    let traces = findings.iter().flat_map(|finding| finding["evidence"].as_array().unwrap());
    let traces: Vec<&Value> = traces.filter(|it| it["kind"] == "trace").collect();
    assert!(traces.len() > 8 && traces.iter().all(|it| it["presence"] == "remnant"), "{traces:#?}");

    // Nothing that a plan does touches a hive: what was seen lies in it, and so does the rest of the machine.
    let plan = folder.path().join("plan.json");
    let mut draft = Command::cargo_bin("ostrakon").unwrap();
    draft.args(["plan", "draft", "--order", "bod-17-01", "--quiet", "--home"]).arg(folder.path().join("home"));
    // It waits for a policy that says what protects the machine then, and is written all the same.
    draft.arg("--out").arg(&plan).arg(&volume.0).output().unwrap();
    let plan: Value = serde_json::from_slice(&std::fs::read(plan).unwrap()).unwrap();
    let targets = texts(&plan, "path");
    let hive = |path: &&str| path.contains("/config/") || path.ends_with("NTUSER.DAT");
    assert!(!targets.is_empty() && !targets.iter().any(|path| hive(&path.as_str())), "{targets:#?}");

    // Files stand beside real ones here; alone, none of those that look alike is more than possible.
    let alone = folder.path().join("alone");
    for lookalike in truth["lookalikes"].as_array().unwrap() {
        let (path, key) = (text(lookalike, "path").trim_start_matches('/'), text(lookalike, "key"));
        if key.is_empty() {
            let to = alone.join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(volume.0.join(path), to).unwrap();
            continue;
        }
        let at = format!("/{path}!{key}");
        for evidence in findings.iter().flat_map(|finding| finding["evidence"].as_array().unwrap()) {
            let same = text(evidence, "locator").eq_ignore_ascii_case(&at);
            assert!(!same || lookalike["at_most"] == text(evidence, "grade"), "{at}: {evidence}");
        }
    }
    let (answer, _) = identify(&alone);
    let findings = answer["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|it| text(it, "grade") == "possible"), "{findings:#?}");

    // One hive that is cut off, in a copy of the folder of hives: a gap by name, and the other is read.
    let (config, copy) = ("Windows/System32/config", folder.path().join("copy"));
    std::fs::create_dir_all(copy.join(config)).unwrap();
    let software = std::fs::read(volume.0.join(config).join("SOFTWARE")).unwrap();
    std::fs::write(copy.join(config).join("SOFTWARE"), &software[..4096]).unwrap();
    std::fs::copy(volume.0.join(config).join("SYSTEM"), copy.join(config).join("SYSTEM")).unwrap();
    let (answer, _) = identify(&copy);
    let gaps = answer["coverage"]["gaps"].as_array().unwrap();
    let named = |gap: &Value| text(gap, "locator").ends_with("/SOFTWARE") && text(gap, "reason") == "corrupt";
    assert!(gaps.iter().any(named), "{gaps:?}");
    assert!(!answer["findings"].as_array().unwrap().is_empty());
}
