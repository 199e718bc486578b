//! What a test on a path asks for, in the terms of tools that know folders and files.

use crate::block::select::is_wild;
use ostrakon_model::Attribute;
use ostrakon_order::pattern::Test;

/// Where programs are looked for by their path.
pub(super) const PATHS: &[Attribute] =
    &[Attribute::known("file.path"), Attribute::known("process.path"), Attribute::known("systemd.exec")];

/// One value of a test on a path. A path is as the dossier writes it, without a separator at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// A folder, with everything in it.
    Folder(&'a str),
    /// A file.
    File(&'a str),
    /// Whatever begins like this.
    Stem(&'a str),
}

impl<'a> Shape<'a> {
    /// What `value` of `test` asks for, or why it cannot be said.
    pub(super) fn of(test: &Test, value: &'a str) -> Result<Self, &'static str> {
        let folder = |text: &'a str| text.trim_end_matches(['/', '\\']);
        let shape = match test {
            Test::Under(_) => Ok(Self::Folder(folder(value))),
            Test::Is(_) => Ok(Self::File(value)),
            Test::Prefix(_) => Ok(Self::Stem(value)),
            Test::Glob(_) => {
                let whole = value.strip_suffix("**").filter(|start| start.ends_with(['/', '\\']));
                match (whole.map(folder), value.strip_suffix('*')) {
                    (Some(start), _) if !start.contains(is_wild) => Ok(Self::Folder(start)),
                    (Some(start), _) => stem(start.strip_suffix('*')),
                    (None, Some(start)) => stem(Some(start)),
                    (None, None) if !value.contains(is_wild) => Ok(Self::File(value)),
                    (None, None) => stem(None),
                }
            }
            Test::Suffix(_) | Test::Regex(_) | Test::Bytes(_) => {
                Err("a test on a part of a path, and rules know whole ones")
            }
        }?;
        if shape.path().contains(is_wild) { stem(None) } else { Ok(shape) }
    }

    /// The path without what follows it.
    pub(super) fn path(self) -> &'a str {
        match self {
            Self::Folder(path) | Self::File(path) | Self::Stem(path) => path,
        }
    }
}

fn stem(start: Option<&str>) -> Result<Shape<'_>, &'static str> {
    match start {
        Some(start) if !start.contains(is_wild) => Ok(Shape::Stem(start)),
        _ => Err("a wildcard inside a path, which this form does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(value: &str) -> Result<Shape<'_>, &'static str> {
        Shape::of(&Test::Glob(Vec::new()), value)
    }

    #[test]
    fn a_pattern_is_a_folder_a_file_a_stem_or_nothing() {
        assert_eq!(glob("/opt/x/**"), Ok(Shape::Folder("/opt/x")));
        assert_eq!(glob("/opt/x"), Ok(Shape::File("/opt/x")));
        assert_eq!(glob(r"%ProgramData%\A\AVP*\**"), Ok(Shape::Stem(r"%ProgramData%\A\AVP")));
        assert_eq!(glob(r"%ProgramData%\A\AVP*"), Ok(Shape::Stem(r"%ProgramData%\A\AVP")));
        assert!(glob("**/kaspersky/**").is_err() && glob("/opt/*/x").is_err() && glob("/opt/{a,b}").is_err());
        assert_eq!(Shape::of(&Test::Under(Vec::new()), "/opt/x/"), Ok(Shape::Folder("/opt/x")));
        assert!(Shape::of(&Test::Regex(Vec::new()), "^/opt").is_err());
    }
}
