//! `ostrakon keys`

use super::table;
use crate::args::Global;
use crate::error::CommandError;
use crate::home::{Home, is_there};
use crate::terminal;
use ostrakon_ledger::{PublicKey, SecretKey};
use std::path::Path;

pub(crate) fn new(global: &Global, name: &str) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    plain(name)?;
    let folder = home.folder("keys")?;
    if is_there(&folder.join(format!("{name}.key"))) || is_there(&folder.join(format!("{name}.pub"))) {
        let help = "keys are never written over: give another name, or move the old one away yourself";
        return Err(CommandError::new(format!("there is a key {name} in {} already", folder.display()), help));
    }
    let key = SecretKey::generate(name)?;
    key.write(&folder, name)?;
    terminal::print(&format!("{}\n", key.public()))?;
    let file = folder.join(format!("{name}.key"));
    terminal::say(
        global,
        &format!("Made {}, which only its owner may read. Others check with the line above.", file.display()),
    );
    Ok(0)
}

/// A name that is also one of a file.
fn plain(name: &str) -> Result<(), CommandError> {
    let fits = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|it| it.is_alphanumeric() || "-_.@".contains(it));
    if fits && name != "ledger" {
        return Ok(());
    }
    Err(CommandError::new(format!("`{name}` is no name for a key"), "letters, digits, and - _ . @; `ledger` is taken"))
}

pub(crate) fn list(global: &Global) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    let keys = home.public_keys()?;
    let mut rows = table(&["Name", "Key", "Secret half here"]);
    for (name, key) in &keys {
        let secret = is_there(&home.path().join("keys").join(format!("{name}.key")));
        rows.add_row([name.as_str(), &key.id(), if secret { "yes" } else { "no" }]);
    }
    if keys.is_empty() {
        terminal::say(global, "There is no key yet: ostrakon keys new NAME");
        return Ok(0);
    }
    terminal::print(&format!("{rows}\n"))?;
    Ok(0)
}

pub(crate) fn show(global: &Global, name: &str) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    let file = home.path().join("keys").join(format!("{name}.pub"));
    if !is_there(&file) {
        let help = "`ostrakon keys list` shows those there are";
        return Err(CommandError::new(format!("there is no key {name} in {}", home.path().display()), help));
    }
    terminal::print(&format!("{}\n", PublicKey::read(&file)?))?;
    Ok(0)
}

pub(crate) fn trust(global: &Global, key: &str) -> Result<u8, CommandError> {
    let home = Home::of(global)?;
    let key = public(key)?;
    plain(key.name())?;
    let file = home.folder("keys")?.join(format!("{}.pub", key.name()));
    if is_there(&file) && PublicKey::read(&file)? != key {
        let help = "two keys of one name would be confused: ask its owner for a key of another name";
        return Err(CommandError::new(format!("there is another key of the name {} here", key.name()), help));
    }
    terminal::result(Some(&file), &format!("{key}\n"))?;
    terminal::say(global, &format!("{} may now approve plans here, unless the policy names the approvers.", key.id()));
    Ok(0)
}

/// A public key: the line itself, or a file with it.
pub(crate) fn public(text: &str) -> Result<PublicKey, CommandError> {
    let file = Path::new(text);
    if file.is_file() { Ok(PublicKey::read(file)?) } else { Ok(PublicKey::parse(text)?) }
}
