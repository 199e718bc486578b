//! `ostrakon inventory`

use crate::args::{Global, Inventory, Looking};
use crate::error::CommandError;
use crate::home::Home;
use crate::looking::Inventoried;
use crate::opened::Opened;
use crate::{builtin, lockdown, terminal};
use ostrakon_identify::Recogniser;

pub(crate) fn run(global: &Global, args: &Inventory) -> Result<u8, CommandError> {
    if args.out.is_dir() {
        let help = format!("name a file in it, such as {}", args.out.join("host.ostrakon").display());
        return Err(CommandError::new(format!("{} is a folder", args.out.display()), help));
    }
    // With every dossier at hand: their marks are looked for, and what they recognise is hashed.
    let library = builtin::library(global)?;
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let looking = Looking { since: args.since.clone(), ..args.looking.clone() };
    let home = Home::of(global)?;
    let opened = Opened::open(args.place.as_deref(), &looking, &[&args.out], home.path())?;
    let lock = || lockdown::lock(&[&args.out]);
    let Inventoried { look, ending, gaps } = opened.inventory(global, &looking, &recogniser, lock, &args.out)?;
    let text = format!(
        "Looked at {} as {}: {} files, {} artifacts, {gaps} gap(s).\nWrote {}. Ask it: ostrakon identify {} --order ID",
        look.asset.name,
        look.privilege,
        ending.files,
        ending.artifacts,
        args.out.display(),
        args.out.display()
    );
    text.lines().for_each(|line| terminal::say(global, &terminal::printable(line)));
    Ok(0)
}
