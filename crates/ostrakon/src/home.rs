//! The home: where keys, the ledger, plans, runs of removals and receipts live. It is made when something must be kept.

use crate::args::Global;
use crate::error::CommandError;
use crate::terminal::say;
use ostrakon_ledger::{Ledger, PublicKey, SecretKey};
use ostrakon_order::Policy;
use ostrakon_plan::Approvers;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The home.
pub(crate) struct Home {
    path: PathBuf,
}

/// The name of the ledger's own key in the home.
const LEDGER_KEY: &str = "ledger";

impl Home {
    /// The home as the command line, the environment or the platform names it. Nothing is made yet.
    pub(crate) fn of(global: &Global) -> Result<Self, CommandError> {
        if let Some(path) = global.home.clone().or_else(|| std::env::var_os("OSTRAKON_HOME").map(PathBuf::from)) {
            // Programs that are started for us may stand elsewhere.
            let path = std::path::absolute(&path).unwrap_or(path);
            return Ok(Self { path });
        }
        if rustix::process::geteuid().is_root() {
            return Ok(Self { path: PathBuf::from("/var/lib/ostrakon") });
        }
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().map_err(|error| {
            CommandError::new(format!("there is no data folder: {error}"), "name one with --home DIR")
        })?;
        Ok(Self { path: strategy.data_dir().join("ostrakon") })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it, made if need be, for its owner alone.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, CommandError> {
        let folder = self.path.join(name);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| {
            CommandError::new(format!("cannot make {}: {error}", folder.display()), "name another home with --home DIR")
        })?;
        Ok(folder)
    }

    /// The program's own places, which no plan may touch and no look reports.
    pub(crate) fn own_paths(&self) -> Vec<String> {
        let mut list = vec![std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())];
        list.extend(std::env::current_exe().ok());
        list.iter().map(|path| path.display().to_string()).collect()
    }

    /// The ledger, made with a key of its own if there is none.
    pub(crate) fn ledger(&self, global: &Global) -> Result<(Ledger, SecretKey), CommandError> {
        let keys = self.folder("keys")?;
        let folder = self.path.join("ledger");
        if Ledger::is_there(&folder) {
            let key = SecretKey::read(&keys.join(format!("{LEDGER_KEY}.key")))?;
            return Ok((Ledger::open(&folder)?, key));
        }
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host: String =
            host.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter)).collect();
        let file = keys.join(format!("{LEDGER_KEY}.key"));
        let key = if is_there(&file) {
            SecretKey::read(&file)?
        } else {
            let key = SecretKey::generate(&format!("ostrakon/{}", if host.is_empty() { "host" } else { &host }))?;
            key.write(&keys, LEDGER_KEY)?;
            key
        };
        let ledger = Ledger::create(&folder, &key)?;
        say(global, &format!("Made a ledger in {}, signed by {}.", folder.display(), key.public()));
        Ok((ledger, key))
    }

    /// The ledger, if there is one.
    pub(crate) fn has_ledger(&self) -> bool {
        Ledger::is_there(&self.path.join("ledger"))
    }

    /// The public keys in the home, but for the ledger's own.
    pub(crate) fn public_keys(&self) -> Result<Vec<(String, PublicKey)>, CommandError> {
        let folder = self.path.join("keys");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "pub"))
            .collect();
        files.sort();
        let mut keys = Vec::new();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if name != LEDGER_KEY {
                keys.push((name, PublicKey::read(&file)?));
            }
        }
        Ok(keys)
    }

    /// The key called `name`, or in the file `name`.
    pub(crate) fn secret_key(&self, name: &str) -> Result<SecretKey, CommandError> {
        let file = if name.ends_with(".key") {
            PathBuf::from(name)
        } else {
            self.path.join("keys").join(format!("{name}.key"))
        };
        if !is_there(&file) {
            let help = format!("`ostrakon keys new {name}` makes one; `ostrakon keys list` shows those there are");
            return Err(CommandError::new(format!("there is no key {}", file.display()), help));
        }
        Ok(SecretKey::read(&file)?)
    }

    /// Who may approve: those the policy names, else all whose keys are in the home.
    pub(crate) fn approvers(&self, policy: &Policy) -> Result<Approvers, CommandError> {
        let approval = &policy.planning.approval;
        if approval.approvers.is_empty() {
            let keys = self.public_keys()?.into_iter().map(|(_, key)| key).collect();
            return Ok(Approvers { required: 1, keys });
        }
        let keys = approval.approvers.iter().map(|line| PublicKey::parse(line)).collect::<Result<_, _>>()?;
        Ok(Approvers { required: approval.required, keys })
    }

    /// The policy file that was named, else the one in the home, else none. Its path goes to programs started for us.
    pub(crate) fn policy_file(&self, named: Option<&Path>) -> Option<PathBuf> {
        named.map(Path::to_owned).or_else(|| Some(self.path.join("policy.toml")).filter(|file| is_there(file)))
    }
}

/// Is there something of that name? What cannot be looked at is told by whoever opens it.
pub(crate) fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
