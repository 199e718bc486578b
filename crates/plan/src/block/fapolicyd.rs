//! Files refused by the file access policy daemon of Linux.

use crate::block::paths::{PATHS, Shape};
use crate::block::select::{Chosen, Input, Left, USED, values};
use crate::block::text::{Comment, Draft};
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;
use std::collections::BTreeSet;

/// The hash of a file.
pub(super) const HASH: Attribute = Attribute::known("file.sha256");

/// Folders no vendor owns: a rule on one would stop the machine.
const SHARED: [&str; 16] = [
    "/etc/opt",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/local/sbin",
    "/usr/sbin",
    "/usr/share",
    "/var/db",
    "/var/lib",
    "/var/log",
    "/var/opt",
];

/// Rules by folder, path and hash.
pub(super) fn draft(input: Input<'_>, left: &mut Left) -> Draft {
    let (folders, files) = paths(input, left);
    let hashes = hashes(input, "linux", left);
    let file = format!("22-ostrakon-{}.rules", input.slug('-'));
    let mut lines = vec!["allow perm=any uid=0 exe=/usr/bin/ostrakon : all".to_owned()];
    lines.extend(folders.iter().map(|path| format!("deny_audit perm=any all : dir={path}/")));
    lines.extend(files.iter().map(|path| format!("deny_audit perm=any all : path={path}")));
    lines.extend(hashes.iter().map(|hash| format!("deny_audit perm=any all : sha256hash={hash}")));
    let mut breaks = vec![
        "The products cannot run, and nothing can read their files, root included: protection that comes from them \
         ends, so have the replacement in place."
            .to_owned(),
        "The scripts of a package that call a program of the product fail, and so does the removal of the package: \
         carry the removal out first, or take the rules back while it runs. Backup and search programs meet errors \
         in these folders."
            .to_owned(),
        "The rules must come before those that let trusted files run, which the number in the name of the file sees \
         to. They hold on file systems the daemon watches (watch_fs in fapolicyd.conf)."
            .to_owned(),
    ];
    if !hashes.is_empty() {
        breaks.push("A rule on a hash makes the daemon hash every file that is opened: measure that first.".to_owned());
    }
    Draft {
        comment: Comment::Mark('#'),
        before: "",
        body: lines.join("\n") + "\n",
        count: lines.len() - 1,
        breaks,
        allow: "The first rule lets Ostrakon read everything as root, so that it can verify what is gone: set its \
                exe= to the path where the program lies. Add a line of the same form for a backup program that must \
                read these folders."
            .to_owned(),
        install: format!("cp FILE /etc/fapolicyd/rules.d/{file}\nfagenrules --load\nfapolicyd-cli --list"),
        way_back: format!("rm /etc/fapolicyd/rules.d/{file}\nfagenrules --load"),
    }
}

/// The folders and the files of Linux to refuse; none lies in another of the folders.
fn paths(input: Input<'_>, left: &mut Left) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut folders, mut files, mut missed) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for chosen in input.chosen(PATHS, USED, left) {
        for value in values(&chosen.indicator.test) {
            let what = chosen.says(value);
            if !is_linux(&chosen, value) {
                left.add("a path of another system", what);
                continue;
            }
            let shape = match Shape::of(&chosen.indicator.test, value) {
                Ok(Shape::Stem(_)) => Err("a wildcard at the end of a path, which fapolicyd does not know"),
                Ok(shape) if !is_plain(shape.path()) => Err("not an absolute path of plain letters"),
                Ok(Shape::Folder(path)) if SHARED.contains(&path) => Err("a folder that belongs to everybody"),
                other => other,
            };
            match shape {
                Err(reason) => missed.push((value, reason, what)),
                Ok(shape) => {
                    let path = shape.path();
                    let folder = matches!(shape, Shape::Folder(_));
                    let hits = |other: &str| other == path || folder && is_in(other, path);
                    if !input.spares(PATHS, hits, what, left) {
                        let list = if folder { &mut folders } else { &mut files };
                        list.insert(path.to_owned());
                    }
                }
            }
        }
    }
    let all = folders.clone();
    let covered = |path: &str| all.iter().any(|wide| is_in(path, wide));
    folders.retain(|path| !covered(path));
    files.retain(|path| !covered(path));
    for (_, reason, what) in missed.into_iter().filter(|(value, ..)| !covered(value)) {
        left.add(reason, what);
    }
    (folders, files)
}

/// Does `path` lie in `folder`?
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Is it a path of Linux, by its own look and by where the product runs?
fn is_linux(chosen: &Chosen<'_>, path: &str) -> bool {
    const MAC: [&str; 6] = ["/Applications/", "/Library/", "/System/", "/Users/", "/private/", "~/Library/"];
    let elsewhere = |system: &String| matches!(system.as_str(), "windows" | "macos" | "android" | "ios");
    let systems = &chosen.product.platforms;
    !path.contains(['%', '\\', ':'])
        && !MAC.iter().any(|folder| path.starts_with(folder))
        && (systems.is_empty() || !systems.iter().all(elsewhere))
}

/// Nothing that is a separator, a list or a set in a rule, and no way up.
fn is_plain(path: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '.' | '_' | '-' | '+' | '@');
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    // A folder right below the root is everybody's.
    path.strip_prefix('/')
        .is_some_and(|path| path.contains('/') && path.chars().all(letter) && path.split('/').all(part))
}

/// The SHA-256 of files to refuse, of products that run on `system` and nowhere else.
pub(super) fn hashes(input: Input<'_>, system: &str, left: &mut Left) -> BTreeSet<String> {
    let mut list = BTreeSet::new();
    for chosen in input.chosen(&[HASH], USED, left) {
        for value in values(&chosen.indicator.test) {
            let hash = value.to_ascii_lowercase();
            let systems = &chosen.product.platforms;
            if !matches!(chosen.indicator.test, Test::Is(_))
                || hash.len() != 64
                || !hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                left.add("not a SHA-256", chosen.says(value));
            } else if !systems.iter().all(|one| one == system) {
                left.add("a file that may be of another system", &chosen.indicator.name);
            } else if !input.spares(&[HASH], |other| other.eq_ignore_ascii_case(&hash), &chosen.indicator.name, left) {
                list.insert(hash);
            }
        }
    }
    list
}
