//! One requirement of a Python project: a line of a requirements file, or a string of another list.
//!
//! Format: packaging.python.org, dependency specifiers (PEP 508); pip.pypa.io, requirements file format.

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A name, and the version where `==` pins it, otherwise nothing.
    Asked(&'a str, &'a str),
    /// An empty line, a comment, an option, or a folder or address that carries no name.
    NoName,
    /// None of these.
    Unknown,
}

/// Reads one line of a requirements file, continued lines already joined.
pub(crate) fn line(text: &str) -> Line<'_> {
    let text = without_comment(text).trim();
    if text.is_empty() {
        return Line::NoName;
    }
    for option in ["-e", "--editable"] {
        if let Some(rest) = text.strip_prefix(option)
            && rest.starts_with([' ', '\t', '='])
        {
            return address(rest.trim_start_matches([' ', '\t', '=']));
        }
    }
    if let Some(option) = text.strip_prefix("--").or_else(|| text.strip_prefix('-')) {
        return if option.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            Line::NoName
        } else {
            Line::Unknown
        };
    }
    let word = first_word(text);
    if is_file(word) && !word.contains('@') {
        return address(text);
    }
    asked(text).map_or_else(|| address(text), |(name, version)| Line::Asked(name, version))
}

/// The name and the version, if `==` pins one, of `name[extra] (specifiers); marker` or `name @ address`.
fn asked(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let (name, rest) = name_and_rest(text)?;
    let mut rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        rest = extras.split_once(']')?.1.trim_start();
    }
    match rest.chars().next() {
        None | Some(';' | '@') => Some((name, "")),
        Some('(' | '=' | '<' | '>' | '!' | '~') => Some((name, pinned(rest))),
        // Options of pip behind a name, such as a hash.
        Some('-') if rest.starts_with("--") => Some((name, "")),
        _ => None,
    }
}

/// The version that `==` pins among specifiers, otherwise nothing.
pub(crate) fn pinned(specifiers: &str) -> &str {
    let plain = specifiers.split([';', ')', '#']).next().unwrap_or_default();
    let plain = plain.split(" --").next().unwrap_or_default().trim_start_matches('(');
    let versions = plain.split(',').filter_map(|one| one.trim().strip_prefix("=="));
    versions
        .map(|version| version.trim_start_matches('=').trim())
        .find(|version| is_version(version))
        .unwrap_or_default()
}

/// Digits, letters and the marks of one version; no `*`, which stands for many.
pub(crate) fn is_version(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+!".contains(&byte))
}

/// A name begins and ends with a letter or digit.
fn name_and_rest(text: &str) -> Option<(&str, &str)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let end = text.find(|letter: char| !is_part(letter)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    (is_end(name.chars().next()) && is_end(name.chars().next_back())).then_some((name, rest))
}

/// A comment begins the line or follows a blank; within an address `#` is a part of it.
fn without_comment(text: &str) -> &str {
    if text.trim_start().starts_with('#') {
        return "";
    }
    let end = [" #", "\t#"].into_iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

fn first_word(text: &str) -> &str {
    text.split([' ', '\t', ';']).next().unwrap_or_default()
}

fn is_file(word: &str) -> bool {
    [".whl", ".zip", ".tar.gz", ".tar.bz2"].iter().any(|ending| word.ends_with(ending))
}

/// An address or path: its name stands behind `#egg=` or in the name of a wheel, or nowhere.
fn address(text: &str) -> Line<'_> {
    let word = first_word(text);
    let behind = text.get(word.len()..).unwrap_or_default().trim_start();
    if !behind.is_empty() && !behind.starts_with([';', '-']) {
        return Line::Unknown;
    }
    let (path, fragment) = word.split_once('#').unwrap_or((word, ""));
    if let Some(egg) = fragment.split('&').find_map(|part| part.strip_prefix("egg=")) {
        return name_and_rest(egg).map_or(Line::Unknown, |(name, _)| Line::Asked(name, ""));
    }
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if let Some(wheel) = file.strip_suffix(".whl") {
        let mut parts = wheel.split('-');
        return match (parts.next().and_then(name_and_rest), parts.next()) {
            (Some((name, "")), Some(version)) if is_version(version) => Line::Asked(name, version),
            _ => Line::Unknown,
        };
    }
    let is_address = path.contains("://") || path.contains(['/', '\\']) || path.starts_with('.') || is_file(path);
    if is_address { Line::NoName } else { Line::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_pinned_versions() {
        for (text, wanted) in [
            ("opentip", Line::Asked("opentip", "")),
            ("opentip==1.2  # why", Line::Asked("opentip", "1.2")),
            ("requests[socks, security] >= 2.8.1, == 2.8.* ; python_version < '3'", Line::Asked("requests", "")),
            ("zope.interface (===5.4)", Line::Asked("zope.interface", "5.4")),
            ("six==1.16.0 --hash=sha256:00", Line::Asked("six", "1.16.0")),
            ("six == 1.16.0;python_version=='3.8'", Line::Asked("six", "1.16.0")),
            ("six --hash=sha256:00", Line::Asked("six", "")),
            ("opentip @ https://host.example/opentip.zip", Line::Asked("opentip", "")),
            ("opentip@https://host.example/opentip.zip", Line::Asked("opentip", "")),
            ("git+https://host.example/x.git@main#egg=opentip[a]&subdirectory=b", Line::Asked("opentip", "")),
            ("-e git+https://host.example/x.git#egg=x", Line::Asked("x", "")),
            ("./wheels/opentip-1.2-py3-none-any.whl ; python_version > '3'", Line::Asked("opentip", "1.2")),
            ("opentip-1.2-py3-none-any.whl", Line::Asked("opentip", "1.2")),
        ] {
            assert_eq!(line(text), wanted, "{text}");
        }
    }

    #[test]
    fn lines_without_a_name() {
        for text in
            ["", "  # x", "-r other.txt", "--index-url=https://host.example", "-e .", "./folder", "x-1.0.tar.gz"]
        {
            assert_eq!(line(text), Line::NoName, "{text}");
        }
    }

    #[test]
    fn lines_of_something_else() {
        for text in ["The system must start.", "requests[socks", "{{ name }}", "- a point", "-----", "é"] {
            assert_eq!(line(text), Line::Unknown, "{text}");
        }
    }
}
