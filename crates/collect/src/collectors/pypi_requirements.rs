//! Python distributions that a project asks for: requirements files, `pyproject.toml` and `Pipfile`.
//!
//! Formats: pip.pypa.io, requirements file format; packaging.python.org, pyproject.toml and dependency groups;
//! python-poetry.org, the pyproject.toml file; pipenv.pypa.io, Pipfile.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared, pep503};
use crate::reading::last_part;
use crate::requirement::{Line, line, pinned};
use crate::toml_text;
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;
use toml::{Table, Value};

pub(crate) struct PypiRequirements;

const NAME: Attribute = Attribute::known("pypi.name");
const VERSION: Attribute = Attribute::known("pypi.version");
const PURL: Attribute = Attribute::known("purl");

/// People write these files; tools write some with a hash for each file of each version.
const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "pypi-requirements",
    what: "Python distributions asked for in requirements files, pyproject.toml and Pipfile.",
    cannot_see: "Requirements in setup.py and setup.cfg; those that a build computes; folders and addresses without a \
                 name; versions that are not pinned.",
    attributes: &[NAME, VERSION, PURL],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// Names with versions; an empty version is not known.
type Found = BTreeSet<(String, String)>;

impl Collector for PypiRequirements {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Ending(".txt"),
            Interest::Name("requirements.in"),
            Interest::Name("pyproject.toml"),
            Interest::Name("Pipfile"),
        ]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        if last_part(path) == b"pyproject.toml" || last_part(path) == b"Pipfile" {
            return true;
        }
        let name = last_part(path);
        is_requirements(&path[..path.len() - name.len()], name)
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let read: fn(&[u8], &mut Found) -> Outcome = match seen.name() {
            b"pyproject.toml" => pyproject,
            b"Pipfile" => pipfile,
            name if is_requirements(seen.folder(), name) => requirements,
            _ => return Ok(Examined::NotMine),
        };
        let mut found = Found::new();
        let outcome = read(&seen.whole(LIMIT)?, &mut found);
        for (name, version) in &found {
            out.add(declared(seen.locator(), Ecosystem::Pypi, name, version));
        }
        outcome
    }
}

/// `requirements.txt`, `requirements-dev.txt`, `dev-requirements.txt`, `requirements.in`, and `.../requirements/*.txt`.
fn is_requirements(folder: &[u8], name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(b"requirements")
        || name.ends_with(b"requirements.txt")
        || last_part(folder.strip_suffix(b"/").unwrap_or(folder)) == b"requirements"
}

/// Adds what the lines ask for; a file without one line of that kind is something else.
fn requirements(bytes: &[u8], found: &mut Found) -> Outcome {
    let text = decoded(bytes)?;
    let mut problem = None;
    let mut understood = 0_usize;
    let mut joined = String::new();
    for (number, part) in (1_usize..).zip(text.lines()) {
        if let Some(start) = part.trim_end().strip_suffix('\\') {
            joined.push_str(start);
            joined.push(' ');
            continue;
        }
        joined.push_str(part);
        one(&joined, number, found, &mut understood, &mut problem);
        joined.clear();
    }
    one(&joined, text.lines().count(), found, &mut understood, &mut problem);
    match problem {
        None => Ok(Examined::Whole),
        Some(_) if understood == 0 => Ok(Examined::NotMine),
        Some(fault) => Err(fault),
    }
}

fn one(text: &str, number: usize, found: &mut Found, understood: &mut usize, problem: &mut Option<Fault>) {
    match line(text) {
        Line::Asked(name, version) => {
            *understood = understood.saturating_add(1);
            add(name, version, found);
        }
        Line::NoName if text.trim_start().starts_with('-') => *understood = understood.saturating_add(1),
        Line::NoName => {}
        Line::Unknown if problem.is_none() => {
            *problem = Some(Fault::corrupt(format!("line {number}: no requirement")));
        }
        Line::Unknown => {}
    }
}

/// Text as pip takes it: UTF-8, or UTF-16 where a mark at the start says so, as PowerShell writes it.
fn decoded(bytes: &[u8]) -> Result<String, Fault> {
    let wide = match bytes {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    let text: String = match wide {
        Some((rest, number)) => {
            let (pairs, half) = rest.as_chunks::<2>();
            if !half.is_empty() {
                return Err(Fault::new(GapReason::Truncated, "half a letter at the end of UTF-16 text"));
            }
            let letters = char::decode_utf16(pairs.iter().map(|pair| number(*pair)));
            letters.map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        None => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    };
    if text.contains('\0') {
        return Err(Fault::corrupt("bytes of 0 in a text file"));
    }
    Ok(text)
}

fn table(bytes: &[u8]) -> Result<Table, Fault> {
    toml_text::parse(&decoded(bytes)?)
}

/// Adds what `[project]`, `[build-system]`, `[dependency-groups]` and the tables of Poetry, PDM and uv ask for.
fn pyproject(bytes: &[u8], found: &mut Found) -> Outcome {
    let table = table(bytes)?;
    let mut problem = None;
    let own = at(&table, &["project", "name"]).and_then(Value::as_str).map(pep503).unwrap_or_default();
    let lists = [
        at(&table, &["project", "dependencies"]),
        at(&table, &["build-system", "requires"]),
        at(&table, &["tool", "uv", "dev-dependencies"]),
    ];
    let maps_of_lists = [
        at(&table, &["project", "optional-dependencies"]),
        at(&table, &["dependency-groups"]),
        at(&table, &["tool", "pdm", "dev-dependencies"]),
    ];
    let inner = maps_of_lists.into_iter().flatten().filter_map(Value::as_table).flat_map(Table::values);
    for list in lists.into_iter().flatten().chain(inner) {
        let Some(list) = list.as_array() else {
            problem = problem.or_else(|| Some(Fault::corrupt("dependencies that are no list")));
            continue;
        };
        for value in list {
            match value.as_str().map(line) {
                // A group of extras may ask for others of the project itself.
                Some(Line::Asked(name, _)) if pep503(name) == own => {}
                Some(Line::Asked(name, version)) => add(name, version, found),
                Some(Line::NoName) => {}
                // A group may include another one.
                None if value.is_table() => {}
                Some(Line::Unknown) | None => {
                    problem = problem.or_else(|| Some(Fault::corrupt(format!("{value:.100}: no requirement"))));
                }
            }
        }
    }
    let groups = at(&table, &["tool", "poetry", "group"]).and_then(Value::as_table);
    let groups = groups.into_iter().flat_map(Table::values).filter_map(|group| group.get("dependencies"));
    let poetry = [at(&table, &["tool", "poetry", "dependencies"]), at(&table, &["tool", "poetry", "dev-dependencies"])];
    for list in poetry.into_iter().flatten().chain(groups) {
        match list.as_table() {
            Some(list) => named(list, found),
            None => problem = problem.or_else(|| Some(Fault::corrupt("dependencies that are no table"))),
        }
    }
    problem.map_or(Ok(Examined::Whole), Err)
}

/// Adds what every category asks for: all tables but those that say how to install.
fn pipfile(bytes: &[u8], found: &mut Found) -> Outcome {
    for (category, list) in &table(bytes)? {
        let says_how = matches!(category.as_str(), "source" | "requires" | "scripts" | "pipenv");
        if let (Some(list), false) = (list.as_table(), says_how) {
            named(list, found);
        }
    }
    Ok(Examined::Whole)
}

/// `name = "specifiers"`, or a table, or several tables with a `version` each.
fn named(list: &Table, found: &mut Found) {
    for (name, value) in list {
        let several = value.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
        for value in several {
            let path = value.get("path").and_then(Value::as_str);
            // Poetry asks for the interpreter among the others; `.` is the project itself.
            if pep503(name) == "python" || path == Some(".") {
                continue;
            }
            let version = value.as_str().or_else(|| value.get("version").and_then(Value::as_str));
            add(name, version.map(pinned).unwrap_or_default(), found);
        }
    }
}

/// The value at a path of keys.
fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

fn add(name: &str, version: &str, found: &mut Found) {
    found.insert((pep503(name), version.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(read: fn(&[u8], &mut Found) -> Outcome, bytes: &[u8]) -> (Vec<String>, Outcome) {
        let mut found = Found::new();
        let outcome = read(bytes, &mut found);
        (found.into_iter().map(|(name, version)| format!("{name} {version}")).collect(), outcome)
    }

    #[test]
    fn lines_are_joined_and_what_is_good_counts_beside_what_is_not() {
        let text = b"-r base.txt\nOpenTIP==1.2 \\\n    --hash=sha256:00\nsix\n";
        assert_eq!(found(requirements, text), (vec!["opentip 1.2".to_owned(), "six ".to_owned()], Ok(Examined::Whole)));
        let (list, outcome) = found(requirements, b"six\nrequests[socks\n");
        assert_eq!(list, ["six "]);
        assert_eq!(outcome.unwrap_err().detail, "line 2: no requirement");
    }

    #[test]
    fn prose_is_something_else() {
        let text = b"The system must start within a minute.\n\nIt must stop, too.\n";
        assert_eq!(found(requirements, text), (Vec::new(), Ok(Examined::NotMine)));
        assert!(is_requirements(b"/srv/", b"requirements-dev.txt"));
        assert!(is_requirements(b"/srv/requirements/", b"base.txt"));
        assert!(!is_requirements(b"/srv/", b"readme.txt"));
    }

    #[test]
    fn powershell_writes_two_bytes_a_letter() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("six==1.16.0\r\n".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(found(requirements, &bytes).0, ["six 1.16.0"]);
        bytes.push(0);
        assert_eq!(found(requirements, &bytes).1.unwrap_err().reason, GapReason::Truncated);
    }

    #[test]
    fn tables_of_every_tool() {
        let text = br#"
            project = { name = "portal", dependencies = ["opentip==1.2"], optional-dependencies = { all = ["Portal[x]", "six"] } }
            dependency-groups = { test = ["pytest>=8", { include-group = "lint" }] }
            [tool.poetry.dependencies]
            python = "^3.9"
            requests = { version = "==2.31.0", extras = ["socks"] }
            [tool.poetry.group.docs.dependencies]
            sphinx = [{ version = "<7", python = "<3.9" }, { version = ">=7", python = ">=3.9" }]
        "#;
        let wanted = ["opentip 1.2", "pytest ", "requests 2.31.0", "six ", "sphinx "].map(str::to_owned).to_vec();
        assert_eq!(found(pyproject, text), (wanted, Ok(Examined::Whole)));
        let text = b"[[source]]\nurl = 'x'\n[packages]\nopentip = '==1.2'\nself = { path = '.', editable = true }\n[docs]\nsphinx = '*'\n";
        assert_eq!(found(pipfile, text).0, ["opentip 1.2", "sphinx "]);
        assert!(found(pyproject, b"[project]\ndependencies = 'six'\n").1.is_err());
    }
}
