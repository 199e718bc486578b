//! Bytes that indicators ask for in executables, looked for together in one pass.

use aho_corasick::packed::{MatchKind, Searcher};
use memchr::memmem::Finder;

/// Bytes to look for.
#[derive(Debug, Default)]
pub struct Marks {
    bytes: Vec<Vec<u8>>,
    /// All in one pass, where the processor can; it does not tell marks apart that begin at the same place.
    together: Option<Searcher>,
}

impl Marks {
    /// Marks of these bytes; empty ones are left out.
    pub fn of(bytes: Vec<Vec<u8>>) -> Self {
        let bytes: Vec<Vec<u8>> = bytes.into_iter().filter(|mark| !mark.is_empty()).collect();
        let together =
            aho_corasick::packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(&bytes).build();
        Self { bytes, together }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[Vec<u8>] {
        &self.bytes
    }

    /// Sets the place of every mark that `haystack` holds.
    pub(crate) fn find(&self, haystack: &[u8], found: &mut [bool]) {
        // One pass says that there is none, which is nearly always so; else each is looked for by itself.
        if self.together.as_ref().is_some_and(|all| haystack.len() >= all.minimum_len() && all.find(haystack).is_none())
        {
            return;
        }
        for (mark, found) in self.bytes.iter().zip(found) {
            *found = *found || Finder::new(mark).find(haystack).is_some();
        }
    }
}
