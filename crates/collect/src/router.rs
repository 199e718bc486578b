//! Which collectors want a file: by name, ending, folder and first bytes, in a few hash look-ups a file.

use crate::collector::{Collector, Interest};
use rustc_hash::FxHashMap;

/// Routes files to collectors.
pub(crate) struct Router {
    collectors: &'static [&'static dyn Collector],
    names: FxHashMap<&'static [u8], Vec<usize>>,
    endings: FxHashMap<&'static [u8], Vec<usize>>,
    /// Paths by their last part: the whole path, and the collector.
    paths: FxHashMap<&'static [u8], Vec<(&'static [u8], usize)>>,
    folders: Vec<(&'static [u8], usize)>,
    magics: Vec<(usize, &'static [u8], usize)>,
}

/// A collector that wants a file, and how much of the path is the root it was found below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) collector: usize,
    pub(crate) root: usize,
}

impl Router {
    pub(crate) fn of(collectors: &'static [&'static dyn Collector]) -> Self {
        let mut router = Self {
            collectors,
            names: FxHashMap::default(),
            endings: FxHashMap::default(),
            paths: FxHashMap::default(),
            folders: Vec::new(),
            magics: Vec::new(),
        };
        for (at, collector) in collectors.iter().enumerate() {
            for interest in collector.wants() {
                match *interest {
                    Interest::Path(path) => {
                        let name = path.rsplit('/').next().unwrap_or(path);
                        router.paths.entry(name.as_bytes()).or_default().push((path.as_bytes(), at));
                    }
                    Interest::In(folder) => router.folders.push((folder.as_bytes(), at)),
                    Interest::Name(name) => router.names.entry(name.as_bytes()).or_default().push(at),
                    Interest::Ending(ending) => router.endings.entry(ending.as_bytes()).or_default().push(at),
                    Interest::Magic(offset, bytes) => router.magics.push((offset, bytes, at)),
                }
            }
        }
        router
    }

    /// The collectors that want every file of the folder `path`. Asked once a folder.
    pub(crate) fn folder(&self, path: &[u8], wanted: &mut Vec<Wanted>) {
        wanted.clear();
        let path = if path.len() > 1 { path.strip_suffix(b"/").unwrap_or(path) } else { path };
        for (folder, collector) in &self.folders {
            if let Some(root) = root_of(path, folder) {
                // What lies in a home is below no other root.
                let root = if folder.starts_with(b".") { 0 } else { root };
                wanted.push(Wanted { collector: *collector, root });
            }
        }
    }

    /// Adds the collectors that want the file `name` at `path`, which begins with `head`.
    pub(crate) fn file(&self, path: &[u8], name: &[u8], head: &[u8], wanted: &mut Vec<Wanted>) {
        self.names(path, name, false, wanted);
        self.by_magic(head, wanted);
    }

    /// All collectors that want a file, also for the folder it lies in.
    pub(crate) fn all(&self, path: &[u8], name: &[u8], head: &[u8], wanted: &mut Vec<Wanted>) {
        self.folder(&path[..path.len() - name.len()], wanted);
        self.file(path, name, head, wanted);
    }

    /// Does anybody want the file for its name?
    pub(crate) fn by_name(&self, path: &[u8], name: &[u8]) -> bool {
        let mut wanted = Vec::new();
        self.names(path, name, false, &mut wanted);
        !wanted.is_empty()
    }

    /// Adds the collectors that want the file `name` at `path` for its name; `inside`: it must be inflated to be read.
    pub(crate) fn names(&self, path: &[u8], name: &[u8], inside: bool, wanted: &mut Vec<Wanted>) {
        let mut want = |collector, root| {
            if !wanted.iter().any(|known: &Wanted| known.collector == collector) {
                wanted.push(Wanted { collector, root });
            }
        };
        if let Some(list) = self.paths.get(name) {
            for (whole, collector) in list {
                if let Some(root) = root_of(path, whole) {
                    want(*collector, root);
                }
            }
        }
        if let Some(list) = self.names.get(name) {
            let could = |collector: &&usize| self.collectors[**collector].could_be(path, inside);
            list.iter().filter(could).for_each(|collector| want(*collector, 0));
        }
        // Endings are short, and X.JAR is one as well.
        if let Some(dot) = name.iter().rposition(|byte| *byte == b'.')
            && let Some(ending) = name.get(dot..).filter(|ending| ending.len() <= 16)
        {
            let mut lower = [0; 16];
            lower[..ending.len()].copy_from_slice(ending);
            lower.make_ascii_lowercase();
            if let Some(list) = self.endings.get(&lower[..ending.len()]) {
                let could = |collector: &&usize| self.collectors[**collector].could_be(path, inside);
                list.iter().filter(could).for_each(|collector| want(*collector, 0));
            }
        }
    }

    /// Adds the collectors that want a file which begins with `head`.
    pub(crate) fn by_magic(&self, head: &[u8], wanted: &mut Vec<Wanted>) {
        for (offset, bytes, collector) in &self.magics {
            let fits = head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes));
            if fits && !wanted.iter().any(|known| known.collector == *collector) {
                wanted.push(Wanted { collector: *collector, root: 0 });
            }
        }
    }
}

/// How much of `path` lies above `tail`, if `path` ends in it as whole parts.
fn root_of(path: &[u8], tail: &[u8]) -> Option<usize> {
    let root = path.strip_suffix(tail)?.strip_suffix(b"/")?;
    Some(root.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_below_any_root() {
        assert_eq!(root_of(b"/var/lib/dpkg/status", b"var/lib/dpkg/status"), Some(0));
        assert_eq!(root_of(b"/srv/pc7/var/lib/dpkg/status", b"var/lib/dpkg/status"), Some(8));
        assert_eq!(root_of(b"/xvar/lib/dpkg/status", b"var/lib/dpkg/status"), None);
    }
}
