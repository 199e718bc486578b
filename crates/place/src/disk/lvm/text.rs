//! The text that describes a group: sections in braces, and keys with numbers, strings or lists of them. Nothing is kept of
//! it: a section is where it stands, and is gone through when it is asked. That takes neither memory nor depth.

use crate::tree::Fault;

/// Most items of a list: LVM2 has no more than 128 stripes, and 64 images of two volumes each.
const MOST_ITEMS: usize = 512;

/// What stands between two braces, or the whole text.
#[derive(Clone, Copy)]
pub(super) struct Section<'t>(&'t [u8]);

/// What a key has.
#[derive(Clone, Copy)]
pub(super) enum Value<'t> {
    Section(Section<'t>),
    Number(u64),
    Text(&'t str),
    List(List<'t>),
    /// A number that is negative or has a fraction.
    Other,
}

/// What stands between two brackets.
#[derive(Clone, Copy)]
pub(super) struct List<'t>(&'t [u8]);

/// The smallest that has a meaning. Strings are as they stand: no name or id that is used here has a sign that is escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text(&'t str),
    Sign(u8),
}

fn wrong() -> Fault {
    Fault::corrupt("the description of a volume group is not well-formed")
}

/// The first token of `text`, which then begins behind it.
fn token<'t>(text: &mut &'t [u8]) -> Result<Option<Token<'t>>, Fault> {
    loop {
        match *text {
            [] => return Ok(None),
            [b'#', ..] => skip(text, |byte| byte != b'\n'),
            [byte, ..] if is_space(*byte) => skip(text, is_space),
            _ => break,
        }
    }
    let (token, length) = match *text {
        [sign @ (b'{' | b'}' | b'[' | b']' | b'=' | b','), ..] => (Token::Sign(*sign), 1),
        [b'"', rest @ ..] => {
            let mut escaped = false;
            let end = rest.iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            let content = end.and_then(|end| rest.get(..end)).ok_or_else(wrong)?;
            (Token::Text(str::from_utf8(content).map_err(|_| wrong())?), content.len() + 2)
        }
        bytes => {
            let is_end = |byte: &u8| is_space(*byte) || b"{}[]=,\"#".contains(byte);
            let (word, _) = bytes.split_at(bytes.iter().position(is_end).unwrap_or(bytes.len()));
            (Token::Word(str::from_utf8(word).map_err(|_| wrong())?), word.len())
        }
    };
    *text = text.get(length..).unwrap_or_default();
    Ok(Some(token))
}

fn skip(text: &mut &[u8], while_so: impl Fn(u8) -> bool) {
    let length = text.iter().position(|byte| !while_so(*byte)).unwrap_or(text.len());
    *text = text.get(length..).unwrap_or_default();
}

/// The text ends with a zero.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
}

/// What stands from the beginning of `text` to the sign that closes it; `text` then begins behind that.
fn enclosed<'t>(text: &mut &'t [u8], opens: u8, closes: u8) -> Result<&'t [u8], Fault> {
    let whole = *text;
    let mut depth = 1_usize;
    loop {
        match token(text)?.ok_or_else(wrong)? {
            Token::Sign(sign) if sign == opens => depth = depth.saturating_add(1),
            Token::Sign(sign) if sign == closes => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let length = whole.len().saturating_sub(text.len());
            return whole.get(..length.saturating_sub(1)).ok_or_else(wrong);
        }
    }
}

impl<'t> Section<'t> {
    /// A whole text.
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self(text)
    }

    /// All keys with what they have, in their order; ends with the first fault.
    pub(super) fn entries(self) -> impl Iterator<Item = Result<(&'t str, Value<'t>), Fault>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let entry = entry(&mut rest).transpose()?;
            if entry.is_err() {
                rest = &[];
            }
            Some(entry)
        })
    }

    /// What `key` has.
    pub(super) fn get(self, key: &str) -> Result<Option<Value<'t>>, Fault> {
        let same = self.entries().find(|entry| !matches!(entry, Ok((name, _)) if *name != key));
        Ok(same.transpose()?.map(|(_, value)| value))
    }

    /// The number that `key` has.
    pub(super) fn number(self, key: &str) -> Result<u64, Fault> {
        match self.get(key)? {
            Some(Value::Number(number)) => Ok(number),
            _ => Err(Fault::corrupt(format!("the description of a volume group lacks a number: {key}"))),
        }
    }

    /// The string that `key` has.
    pub(super) fn text(self, key: &str) -> Result<&'t str, Fault> {
        match self.get(key)? {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(Fault::corrupt(format!("the description of a volume group lacks a string: {key}"))),
        }
    }

    /// The items that `key` has: none if it is not there.
    pub(super) fn list(self, key: &str) -> Result<Vec<Item<'t>>, Fault> {
        match self.get(key)? {
            Some(Value::List(list)) => list.items(),
            Some(_) => Err(wrong()),
            None => Ok(Vec::new()),
        }
    }

    /// The section `key`: an empty one if it is not there.
    pub(super) fn section(self, key: &str) -> Result<Section<'t>, Fault> {
        match self.get(key)? {
            Some(Value::Section(section)) => Ok(section),
            Some(_) => Err(wrong()),
            None => Ok(Section(&[])),
        }
    }

    /// Is `word` among the items of `key`?
    pub(super) fn says(self, key: &str, word: &str) -> Result<bool, Fault> {
        Ok(self.list(key)?.contains(&Item::Text(word)))
    }
}

/// An item of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'t> {
    Text(&'t str),
    Number(u64),
}

impl<'t> List<'t> {
    fn items(self) -> Result<Vec<Item<'t>>, Fault> {
        let mut rest = self.0;
        let mut items = Vec::new();
        while let Some(token) = token(&mut rest)? {
            match token {
                Token::Text(text) => items.push(Item::Text(text)),
                Token::Word(word) => items.push(Item::Number(word.parse().map_err(|_| wrong())?)),
                Token::Sign(b',') => {}
                Token::Sign(_) => return Err(wrong()),
            }
            if items.len() > MOST_ITEMS {
                return Err(Fault::corrupt("a list of a volume group is longer than LVM2 makes it"));
            }
        }
        Ok(items)
    }
}

/// The first key of `text` with what it has; `text` then begins behind it.
fn entry<'t>(text: &mut &'t [u8]) -> Result<Option<(&'t str, Value<'t>)>, Fault> {
    let key = match token(text)? {
        None => return Ok(None),
        Some(Token::Word(key) | Token::Text(key)) => key,
        Some(Token::Sign(_)) => return Err(wrong()),
    };
    let value = match token(text)? {
        Some(Token::Sign(b'{')) => Value::Section(Section(enclosed(text, b'{', b'}')?)),
        Some(Token::Sign(b'=')) => match token(text)? {
            Some(Token::Sign(b'[')) => Value::List(List(enclosed(text, b'[', b']')?)),
            Some(Token::Text(content)) => Value::Text(content),
            Some(Token::Word(word)) => word.parse().map_or(Value::Other, Value::Number),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    Ok(Some((key, value)))
}
