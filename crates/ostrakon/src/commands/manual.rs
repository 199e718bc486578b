//! `ostrakon completions` and `ostrakon man`: from the same definitions as `--help`.

use crate::args::Args;
use crate::error::CommandError;
use crate::terminal;
use clap::CommandFactory;
use std::path::Path;

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<u8, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ostrakon", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

pub(crate) fn man(folder: &Path) -> Result<u8, CommandError> {
    let cannot = |error: std::io::Error| {
        CommandError::new(
            format!("cannot write man pages to {}: {error}", folder.display()),
            "name a folder you may write to",
        )
    };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    clap_mangen::generate_to(Args::command(), folder).map_err(cannot)?;
    Ok(0)
}
