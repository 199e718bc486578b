//! What the fuzz targets share: they call a reader by its name.

use ostrakon_collect::fuzzing::READERS;

/// Runs the reader `name` on `bytes`.
pub fn run(name: &str, bytes: &[u8]) {
    for (_, reader) in READERS.iter().filter(|(known, _)| *known == name) {
        reader(bytes);
    }
}
