//! The terminal: where the result goes, what is said beside it, and how far a look has come.

use crate::args::Global;
use crate::error::CommandError;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Has the user asked for no colours? See <https://no-color.org>.
#[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
pub(crate) fn no_colour() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}

/// Writes the result to `out`, or to stdout.
pub(crate) fn result(out: Option<&Path>, text: &str) -> Result<(), CommandError> {
    result_bytes(out, text.as_bytes())
}

/// The same for a result that is no text.
pub(crate) fn result_bytes(out: Option<&Path>, bytes: &[u8]) -> Result<(), CommandError> {
    let Some(file) = out else { return print_bytes(bytes) };
    let cannot = |error: std::io::Error| {
        CommandError::new(format!("cannot write {}: {error}", file.display()), "name another file with --out")
    };
    // A device or pipe is written to; it must not be replaced by a file.
    match std::fs::metadata(file) {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            let write = || std::fs::OpenOptions::new().write(true).open(file)?.write_all(bytes);
            return write().map_err(cannot);
        }
        _ => {}
    }
    if std::fs::symlink_metadata(file).is_ok_and(|there| there.is_symlink()) {
        let help = "name the file it points to";
        return Err(CommandError::new(format!("{} is a link", file.display()), help));
    }
    // Under another name first: a result that is cut off must not look like one.
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let write = || {
        // What a run that was cut off left is replaced, and a link in its place is not followed.
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::File::create_new(&part)?.write_all(bytes)?;
        std::fs::rename(&part, file)
    };
    write().map_err(cannot)
}

/// Text from a machine that is looked at, safe to show: what would move the cursor or turn the line is spelled out.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || ostrakon_model::locator::is_invisible(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// Prints on stdout. A reader that has gone away is no error.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Result<(), CommandError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CommandError::new(format!("cannot write to stdout: {error}"), "write to a file with --out"))
        }
        _ => Ok(()),
    }
}

/// Says something beside the result, unless the user wants quiet.
pub(crate) fn say(global: &Global, text: &str) {
    if !global.quiet {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// Shows how many files were met, for as long as it lives.
pub(crate) struct Progress {
    pub(crate) files: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn begin(global: &Global, place: &str) -> Self {
        let (files, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let shown = !global.quiet && std::io::stderr().is_terminal();
        let thread = shown.then(|| {
            let (files, ended, place) = (Arc::clone(&files), Arc::clone(&ended), place.to_owned());
            std::thread::spawn(move || {
                let bar = ProgressBar::new_spinner();
                if let Ok(style) =
                    ProgressStyle::with_template("{spinner} {msg} {human_pos} files, {per_sec}, {elapsed}")
                {
                    bar.set_style(style);
                }
                bar.set_message(format!("looking at {place}:"));
                while !ended.load(Ordering::Relaxed) {
                    bar.set_position(files.load(Ordering::Relaxed));
                    bar.tick();
                    std::thread::park_timeout(Duration::from_millis(120));
                }
                bar.finish_and_clear();
            })
        });
        Self { files, ended, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
