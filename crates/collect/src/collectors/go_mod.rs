//! Go modules asked for in `go.mod` (<https://go.dev/ref/mod#go-mod-file>), and those whose source lies in a `vendor`
//! folder, by its `modules.txt` (<https://go.dev/ref/mod#vendoring>).

use super::swift_package::name_github;
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;

pub(crate) struct GoMod;

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "go-mod",
    what: "Go modules asked for or put in place of others in go.mod, and those copied into a vendor folder.",
    cannot_see: "Modules that only go.sum names; modules compiled into a program; the module cache.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl"), Attribute::known("github.org")],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// The words a line of a go.mod begins with.
const DIRECTIVES: [&str; 10] =
    ["module", "go", "toolchain", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"];

impl Collector for GoMod {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("go.mod"), Interest::Name("modules.txt")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let vendored = seen.name() == b"modules.txt";
        if vendored && !seen.folder().ends_with(b"/vendor/") {
            return Ok(Examined::NotMine);
        }
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = if vendored { vendor(&text, &mut found) } else { read(&text, &mut found) };
        for (name, version) in found {
            let mut artifact = declared(seen.locator(), Ecosystem::Go, &name, &version);
            name_github(&mut artifact, &name, &version);
            out.add(artifact);
        }
        outcome
    }
}

/// What a go.mod requires, and what it puts in place of something else.
fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    let mut block = None;
    let mut known = text.trim().is_empty();
    let mut problem = None;
    for (at, line) in text.lines().enumerate() {
        let words = words(line);
        let (verb, rest) = match (block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (Some(verb), rest) => (verb, rest),
            (None, [verb, "("]) => {
                known |= DIRECTIVES.contains(verb);
                block = Some(*verb);
                continue;
            }
            (None, [verb, rest @ ..]) => {
                known |= DIRECTIVES.contains(verb);
                (*verb, rest)
            }
        };
        let fits = match verb {
            "require" => pair(rest, found),
            "replace" => match rest.iter().position(|word| *word == "=>") {
                Some(arrow) => replacement(rest.get(arrow + 1..).unwrap_or_default(), found),
                None => false,
            },
            _ => true,
        };
        if !fits {
            problem = problem.or(Some(format!("line {}: no module and version", at + 1)));
        }
    }
    match (known, problem, block) {
        (false, _, _) => Ok(Examined::NotMine),
        (_, Some(problem), _) => Err(Fault::corrupt(problem)),
        (_, None, Some(verb)) => Err(Fault::new(GapReason::Truncated, format!("it ends inside a block of {verb}"))),
        (_, None, None) => Ok(Examined::Whole),
    }
}

/// `# MODULE VERSION` or `# MODULE [VERSION] => MODULE [VERSION]` before the packages of each module.
fn vendor(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    if !text.starts_with("# ") && !text.starts_with("## ") {
        return Ok(Examined::NotMine);
    }
    let mut problem = None;
    for (at, line) in text.lines().enumerate() {
        let Some(line) = line.strip_prefix("# ") else { continue };
        let words: Vec<&str> = line.split_whitespace().collect();
        let fits = match words.iter().position(|word| *word == "=>") {
            Some(arrow) => {
                // The module that is replaced may stand without a version.
                let (before, after) = words.split_at(arrow);
                (before.len() == 1 || pair(before, found)) && replacement(after.get(1..).unwrap_or_default(), found)
            }
            None => pair(&words, found),
        };
        if !fits {
            problem = problem.or(Some(format!("line {}: no module and version", at + 1)));
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// The words of a line, without quotes and comments.
fn words(line: &str) -> Vec<&str> {
    let line = line.find("//").and_then(|at| line.get(..at)).unwrap_or(line);
    // A bracket may stand right after its word.
    let line = match line.trim().strip_suffix('(') {
        Some(verb) if !verb.is_empty() => return vec![verb.trim(), "("],
        _ => line,
    };
    line.split_whitespace().map(|word| word.trim_matches(['"', '`'])).collect()
}

/// Takes a module and its version.
fn pair(words: &[&str], found: &mut BTreeSet<(String, String)>) -> bool {
    let [module, version] = words else { return false };
    found.insert(((*module).to_owned(), (*version).to_owned()));
    true
}

/// Takes what stands in place of a module: another module and its version, or a folder, which has none.
fn replacement(words: &[&str], found: &mut BTreeSet<(String, String)>) -> bool {
    match words {
        [_folder] => true,
        other => pair(other, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(text: &str) -> (Outcome, Vec<String>) {
        let mut found = BTreeSet::new();
        let outcome = read(text, &mut found);
        (outcome, found.into_iter().map(|(name, version)| format!("{name} {version}")).collect())
    }

    #[test]
    fn lines_and_blocks_are_read() {
        let (outcome, found) = modules(
            "module example.org/own\n\ngo 1.22\nrequire golang.org/x/text v0.14.0 // indirect\nrequire (\n\t\"github.com/a/b\" v1.0.0\n)\n\
             replace github.com/a/b v1.0.0 => github.com/c/b v1.0.1\nreplace example.org/x => ../x\n",
        );
        assert_eq!(outcome, Ok(Examined::Whole));
        assert_eq!(found, ["github.com/a/b v1.0.0", "github.com/c/b v1.0.1", "golang.org/x/text v0.14.0"]);
    }

    #[test]
    fn a_block_that_does_not_end_is_damage() {
        let (outcome, found) = modules("module m\nrequire (\n\tgithub.com/a/b v1.0.0\n");
        assert_eq!(outcome.map_err(|fault| fault.reason), Err(GapReason::Truncated));
        assert_eq!(found, ["github.com/a/b v1.0.0"]);
        assert_eq!(modules("a song\n").0, Ok(Examined::NotMine));
    }

    #[test]
    fn a_vendor_folder_names_its_modules() {
        let mut found = BTreeSet::new();
        let text =
            "# github.com/a/b v1.0.0\n## explicit; go 1.17\ngithub.com/a/b/sub\n# x.org/y v0.1.0 => ../y\n# cut\n";
        assert!(vendor(text, &mut found).is_err());
        assert_eq!(found.len(), 2);
    }
}
