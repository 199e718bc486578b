//! Names of keys and values: one byte for a character where all of them are Latin-1, else UTF-16.

/// A name as a hive has it.
#[derive(Clone, Copy)]
pub(super) struct Name<'h> {
    pub(super) bytes: &'h [u8],
    /// One byte for a character.
    pub(super) narrow: bool,
}

impl Name<'_> {
    pub(super) fn text(&self) -> String {
        if self.narrow && self.bytes.is_ascii() {
            return String::from_utf8_lossy(self.bytes).into_owned();
        }
        self.chars().collect()
    }

    /// Whether it is `wanted`, in capitals or not.
    pub(super) fn is(&self, wanted: &str) -> bool {
        // Nearly all names are ASCII: they are compared as they lie there.
        if self.narrow && wanted.is_ascii() && self.bytes.is_ascii() {
            return self.bytes.eq_ignore_ascii_case(wanted.as_bytes());
        }
        self.chars().flat_map(char::to_lowercase).eq(wanted.chars().flat_map(char::to_lowercase))
    }

    fn chars(&self) -> impl Iterator<Item = char> {
        let (narrow, wide) = if self.narrow { (self.bytes, &[][..]) } else { (&[][..], self.bytes) };
        narrow.iter().map(|byte| char::from(*byte)).chain(utf16(wide))
    }
}

/// The characters of UTF-16 with the least significant byte first. A lone byte at the end is left out.
pub(crate) fn utf16(bytes: &[u8]) -> impl Iterator<Item = char> {
    let units = bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER))
}
