//! Faults in files people write: a stable code, the place, and what to do.

use std::ops::Range;

/// The stable code of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    Syntax,
    /// A `schema` this program does not know.
    Schema,
    /// An id that is not lower-case letters, digits and `-`, or that does not fit its file.
    Id,
    /// The same id twice.
    Duplicate,
    /// A name that refers to nothing.
    Reference,
    /// A word outside its list.
    Word,
    /// A date, offset or time zone that cannot be read.
    Time,
    /// An attribute the vocabulary does not have.
    Attribute,
    /// An indicator without exactly one test, or a test its attribute cannot take.
    Test,
    /// A grade or presence that the rules forbid.
    Grade,
    /// A fact without a source.
    Source,
    /// Something that must be there and is not.
    Missing,
    /// A lookalike that an indicator matches.
    Lookalike,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::Syntax,
        Self::Schema,
        Self::Id,
        Self::Duplicate,
        Self::Reference,
        Self::Word,
        Self::Time,
        Self::Attribute,
        Self::Test,
        Self::Grade,
        Self::Source,
        Self::Missing,
        Self::Lookalike,
    ];

    /// The code as messages write it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Syntax => "ostrakon::syntax",
            Self::Schema => "ostrakon::schema",
            Self::Id => "ostrakon::id",
            Self::Duplicate => "ostrakon::duplicate",
            Self::Reference => "ostrakon::reference",
            Self::Word => "ostrakon::word",
            Self::Time => "ostrakon::time",
            Self::Attribute => "ostrakon::attribute",
            Self::Test => "ostrakon::test",
            Self::Grade => "ostrakon::grade",
            Self::Source => "ostrakon::source",
            Self::Missing => "ostrakon::missing",
            Self::Lookalike => "ostrakon::lookalike",
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The file.
    pub file: String,
    /// The file's text.
    pub text: String,
    /// Where in the text, in bytes.
    pub span: Range<usize>,
}

impl Diagnostic {
    /// Line and column of the fault, from 1.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.text[..self.span.start.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}

/// Gathers the faults of one file.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    file: &'a str,
    text: &'a str,
    pub(crate) list: Vec<Diagnostic>,
}

impl<'a> Faults<'a> {
    pub(crate) fn of(file: &'a str, text: &'a str) -> Self {
        Self { file, text, list: Vec::new() }
    }

    pub(crate) fn add(&mut self, code: Code, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.list.push(Diagnostic {
            code,
            message: message.into(),
            help: help.into(),
            file: self.file.to_owned(),
            text: self.text.to_owned(),
            span,
        });
    }

    /// Reads the file as TOML into its raw type; a fault of syntax points at the line.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&mut self, format_page: &str) -> Option<T> {
        match toml::from_str(self.text) {
            Ok(raw) => Some(raw),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let help = format!("{format_page} shows every key and its values");
                self.add(Code::Syntax, span, error.message().trim().to_owned(), help);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let ids: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.id()).collect();
        assert_eq!(ids.len(), Code::ALL.len());
    }

    #[test]
    fn a_fault_knows_its_line() {
        let mut faults = Faults::of("x.toml", "a = 1\nb = 2\n");
        faults.add(Code::Id, 6..7, "m", "h");
        assert_eq!(faults.list[0].line_column(), (2, 1));
    }
}
