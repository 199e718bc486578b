//! Ruby gems: those asked for in the lock files that Bundler writes (`Gemfile.lock`, `gems.locked`), and those installed,
//! by the `specifications/NAME-VERSION.gemspec` that RubyGems writes for each.
//! <https://bundler.io/guides/using_bundler_in_applications.html>, <https://guides.rubygems.org/specification-reference/>

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared, library};
use crate::reading::assignment;
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;

pub(crate) struct Gem;

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "gem",
    what: "Ruby gems asked for in Gemfile.lock and gems.locked, and gems installed, by their specifications.",
    cannot_see: "Projects without a lock file; gems in a folder of the project; code copied without its specification.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl")],
    hides: Presences::of(&[Presence::Declared, Presence::Installed]),
    live: false,
};

impl Collector for Gem {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("Gemfile.lock"), Interest::Name("gems.locked"), Interest::Ending(".gemspec")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let name = String::from_utf8_lossy(seen.name());
        if let Some(stem) = name.strip_suffix(".gemspec") {
            // Elsewhere it is the source that a gem is built from. The gems that come with Ruby lie one folder deeper.
            let folder = seen.folder();
            if !folder.ends_with(b"/specifications/") && !folder.ends_with(b"/specifications/default/") {
                return Ok(Examined::NotMine);
            }
            // Ruby writes bytes of 0 into its own strings now and then.
            let text = String::from_utf8_lossy(&seen.whole(LIMIT)?).into_owned();
            let (gem, outcome) = specification(&text, stem);
            if let Some((name, version)) = gem {
                out.add(library(seen.locator(), Ecosystem::Gem, &name, &version));
            }
            return outcome;
        }
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            out.add(declared(seen.locator(), Ecosystem::Gem, &name, &version));
        }
        outcome
    }
}

/// A lock file: headings without indent; below `specs:` of each source, indented by four, `NAME (VERSION)`.
fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    const SOURCES: [&str; 4] = ["GEM", "GIT", "PATH", "PLUGIN SOURCE"];
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let (mut known, mut ended) = (false, false);
    let mut heading = "";
    let mut problem = None;
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(' ') {
            heading = line.trim_end();
            known |= SOURCES.contains(&heading) || heading == "DEPENDENCIES";
            ended |= heading == "DEPENDENCIES";
            if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| heading.starts_with(mark)) {
                problem = problem.or(Some(format!("line {}: two versions of the file in conflict", at + 1)));
            }
            continue;
        }
        // A gem of PATH is the project's own.
        let Some(gem) = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' ')) else { continue };
        if !SOURCES.contains(&heading) || heading == "PATH" {
            continue;
        }
        match gem.trim_end().strip_suffix(')').and_then(|rest| rest.split_once(" (")) {
            // After a `-` stands the platform: versions have none.
            Some((name, version)) => {
                let version = version.split('-').next().unwrap_or(version);
                found.insert((name.to_owned(), version.to_owned()));
            }
            None => problem = problem.or(Some(format!("line {}: no name and version", at + 1))),
        }
    }
    match (known, problem, ended) {
        (false, _, _) => Ok(Examined::NotMine),
        (_, Some(problem), _) => Err(Fault::corrupt(problem)),
        // Bundler writes it always.
        (_, None, false) => Err(Fault::new(GapReason::Truncated, "it ends before its DEPENDENCIES")),
        (_, None, true) => Ok(Examined::Whole),
    }
}

/// Name and version of a specification: by the assignments in it, else by the name of the file without its ending.
fn specification(text: &str, stem: &str) -> (Option<(String, String)>, Outcome) {
    if text.trim().is_empty() {
        return (None, Ok(Examined::Whole));
    }
    let value = |key: &str| {
        let lines = text.lines().take(200);
        let values = lines.map(|line| line.trim_end().trim_end_matches(".freeze")).filter_map(assignment);
        values.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next()
    };
    let plain = |value: &String| !value.is_empty() && !value.contains(['(', '"', '\'', ' ']);
    let numbered = |value: &String| plain(value) && value.starts_with(|letter: char| letter.is_ascii_digit());
    let (name, version) = (value("s.name").filter(plain), value("s.version").filter(numbered));
    let outcome = if text.contains("Gem::Specification.new") {
        Ok(Examined::Whole)
    } else {
        Err(Fault::corrupt("it holds no specification"))
    };
    match (name, version, of_stem(stem)) {
        (Some(name), Some(version), _) | (_, _, Some((name, version))) => (Some((name, version)), outcome),
        _ => (None, Err(Fault::corrupt("neither the file nor its name gives a name and version"))),
    }
}

/// `NAME-VERSION` or `NAME-VERSION-PLATFORM`: the version is the first part that begins with a digit and has no strange letter.
fn of_stem(stem: &str) -> Option<(String, String)> {
    let mut length = 0;
    for part in stem.split('-') {
        let is_version = part.starts_with(|letter: char| letter.is_ascii_digit())
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.');
        if is_version && length > 0 {
            let name = stem.get(..length)?.trim_end_matches('-');
            return Some((name.to_owned(), part.to_owned()));
        }
        length += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_is_read() {
        let text = "PATH\n  remote: .\n  specs:\n    own (0.1)\n\nGEM\n  remote: https://registry.example/\n  specs:\n    \
                    nokogiri (1.15.0-x86_64-linux)\n      racc (~> 1.4)\n    racc (1.7.3)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  nokogiri\n";
        let mut found = BTreeSet::new();
        assert_eq!(read(text, &mut found), Ok(Examined::Whole));
        let names: Vec<_> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(names, ["nokogiri 1.15.0", "racc 1.7.3"]);
    }

    #[test]
    fn a_lock_file_that_ends_early_is_damage() {
        let outcome = read("GEM\n  specs:\n    rack (2.2.6)\n", &mut BTreeSet::new());
        assert_eq!(outcome.map_err(|fault| fault.reason), Err(GapReason::Truncated));
        assert_eq!(read("a list\n", &mut BTreeSet::new()), Ok(Examined::NotMine));
    }

    #[test]
    fn a_specification_gives_name_and_version() {
        let text = "Gem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"2.2.6\"\nend\n";
        let (gem, outcome) = specification(text, "else-1");
        assert_eq!((gem, outcome), (Some(("rack".to_owned(), "2.2.6".to_owned())), Ok(Examined::Whole)));
        assert_eq!(of_stem("net-telnet-0.2.0-arm64-darwin-22"), Some(("net-telnet".to_owned(), "0.2.0".to_owned())));
        assert_eq!(of_stem("no-version"), None);
    }
}
