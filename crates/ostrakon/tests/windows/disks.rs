//! Images of disks, opened by the program itself.

use crate::{Images, identify, images, missed, text, wanted};
use serde_json::Value;
use std::path::Path;

/// Findings as they are, but for where the image lies.
fn findings(answer: &Value, image: &Path) -> String {
    let whole = serde_json::to_string_pretty(&answer["findings"]).unwrap();
    let asset = text(&answer["assets"][0], "id");
    let lines = whole.lines().filter(|line| !line.trim_start().starts_with("\"id\":"));
    lines.map(|line| line.replace(asset, "ASSET").replace(image.to_str().unwrap(), "IMAGE") + "\n").collect()
}

fn gaps(answer: &Value) -> Vec<(String, String)> {
    let gaps = answer["coverage"]["gaps"].as_array().unwrap().iter();
    gaps.map(|gap| (text(gap, "locator").to_owned(), text(gap, "reason").to_owned())).collect()
}

#[test]
#[ignore = "needs root and loop devices to make disks"]
fn what_is_on_a_disk_is_found_in_an_image_of_any_format() {
    let Images { folder, truth, .. } = images();
    let mut first: Option<String> = None;
    for (format, name) in truth["images"].as_object().unwrap() {
        let image = folder.join(name.as_str().unwrap());
        let (answer, code) = identify(&image);
        assert_eq!(code, Some(1), "{format}");
        let root = format!("{}!p3!", image.display());
        let list = answer["findings"].as_array().unwrap();
        let wanted = wanted(truth);
        assert_eq!(missed(&wanted, list, &root), [""; 0], "{format}, of {}", wanted.len());
        // Files that look more alike stand beside real ones here: the other test looks at them alone.
        let far = |it: &&Value| it["key"].is_string() || it["at_most"].is_null();
        for lookalike in truth["lookalikes"].as_array().unwrap().iter().filter(far) {
            let (path, key) = (text(lookalike, "path"), text(lookalike, "key"));
            let at = if key.is_empty() { format!("{root}{path}") } else { format!("{root}{path}!{key}") };
            for evidence in list.iter().flat_map(|finding| finding["evidence"].as_array().unwrap()) {
                let same = text(evidence, "locator").eq_ignore_ascii_case(&at);
                assert!(!same || text(evidence, "grade") == text(lookalike, "at_most"), "{at}: {evidence}");
            }
        }
        let same = findings(&answer, &image);
        assert_eq!(*first.get_or_insert(same.clone()), same, "{format} gives other findings");
    }
}

#[test]
#[ignore = "needs root and loop devices to make disks"]
fn what_cannot_be_read_of_a_disk_is_a_gap_and_the_rest_is_read() {
    let Images { folder, extras, .. } = images();
    for extra in extras["images"].as_array().unwrap() {
        let name = text(extra, "image");
        let (answer, code) = identify(&folder.join(name));
        let products: Vec<&str> = answer["findings"].as_array().unwrap().iter().map(|it| text(it, "product")).collect();
        let gaps = gaps(&answer);
        match text(extra, "expect") {
            "gap" => {
                assert_eq!((code, gaps.is_empty()), (Some(3), false), "{name}: {gaps:?}");
                // Nothing of the asset itself was seen: whatever an order asks for could be there.
                let hides = |gap: &Value| gap["hides"].as_array().unwrap().iter().any(|it| it == "installed");
                assert!(answer["coverage"]["gaps"].as_array().unwrap().iter().all(hides), "{name}");
                let encrypted = ["luks.img", "bitlocker.img"].contains(&name);
                assert_eq!(gaps.iter().all(|(_, reason)| reason == "encrypted"), encrypted, "{name}: {gaps:?}");
            }
            "findings" => {
                assert_eq!(code, Some(1), "{name}: {gaps:?}");
                for plant in extra["plants"].as_array().into_iter().flatten() {
                    let path = text(plant, "path");
                    let at = format!("{}!p3!{path}", folder.join(name).display());
                    let mut all =
                        answer["findings"].as_array().unwrap().iter().flat_map(|it| it["evidence"].as_array().unwrap());
                    assert!(all.any(|evidence| text(evidence, "locator") == at), "{name}: {path}");
                }
            }
            "some" => {
                assert!(!gaps.is_empty(), "{name}");
                for product in extra["products"].as_array().unwrap() {
                    let product = product.as_str().unwrap();
                    // What is found of this one is told with the product it belongs to.
                    assert!(
                        ["any", "avp"].contains(&product) || products.contains(&product),
                        "{name}: {product} of {products:?}"
                    );
                }
            }
            "linux" => {
                for partition in extra["partitions"].as_array().unwrap() {
                    assert!(products.contains(&text(partition, "product")), "{name}: {partition} of {products:?}");
                }
            }
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
#[ignore = "needs root and loop devices to make disks"]
fn a_file_on_a_disk_is_looked_at_alone_by_its_locator() {
    let Images { folder, .. } = images();
    let place = format!("{}!p3!/Users/ivanov/Downloads/tools.zip!/tools/KVRT.exe", folder.join("disk.qcow2").display());
    let (answer, code) = identify(Path::new(&place));
    assert_eq!(code, Some(1));
    let findings = answer["findings"].as_array().unwrap();
    let locators = findings.iter().flat_map(|it| it["evidence"].as_array().unwrap()).map(|it| text(it, "locator"));
    assert!(locators.into_iter().all(|at| at == place), "{findings:?}");
    assert!(findings.iter().any(|it| text(it, "product") == "kvrt"), "{findings:?}");
}
