//! Ed25519 keys, in the text forms of C2SP's signed notes: one line each.

use crate::LedgerError;
use signed_note::{Signer, StandardSigner, StandardVerifier, Verifier};
use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A key that signs. Its text is a secret.
pub struct SecretKey {
    signer: StandardSigner,
    text: String,
    public: PublicKey,
}

/// A key that checks signatures: `name+hash+base64`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(String);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret key of {}", self.public)
    }
}

impl SecretKey {
    /// Makes a new key. `name` says whose it is: no spaces, no plus signs.
    pub fn generate(name: &str) -> Result<Self, LedgerError> {
        if !signed_note::is_key_name_valid(name) {
            return Err(LedgerError::Malformed(format!("`{name}` is no name of a key: no spaces and no plus signs")));
        }
        let (secret, public) = signed_note::generate_key(&mut rand_core::OsRng, name);
        let signer = StandardSigner::new(&secret).map_err(|error| LedgerError::Malformed(error.to_string()))?;
        Ok(Self { signer, text: secret, public: PublicKey(public) })
    }

    /// Writes the key pair: `<stem>.key`, which only the owner may read, and `<stem>.pub`. Neither may be there yet.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<(), LedgerError> {
        let secret = folder.join(format!("{stem}.key"));
        let public = folder.join(format!("{stem}.pub"));
        for (path, mode, text) in [
            (&secret, 0o600, format!("{}\n{}\n", self.text, self.public)),
            (&public, 0o644, format!("{}\n", self.public)),
        ] {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
            let mut file = file.map_err(LedgerError::io(path))?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(LedgerError::io(path))?;
        }
        Ok(())
    }

    /// Reads a `.key` file.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let text = std::fs::read_to_string(path).map_err(LedgerError::io(path))?;
        let mut lines = text.lines();
        let (secret, public) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let wrong = |why: String| LedgerError::Malformed(format!("{}: not a key file: {why}", path.display()));
        let signer = StandardSigner::new(secret).map_err(|error| wrong(error.to_string()))?;
        let public = PublicKey::parse(public)?;
        let key = Self { signer, text: secret.to_owned(), public };
        let trial = b"the two halves belong together";
        if !key.public.verify(trial, &key.sign(trial)?) {
            return Err(wrong("its two lines are not of one key".to_owned()));
        }
        Ok(key)
    }

    /// The key others check with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, LedgerError> {
        self.signer.sign(message).map_err(|error| LedgerError::Malformed(error.to_string()))
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        &self.signer
    }
}

impl PublicKey {
    /// Reads the one line of a public key.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let text = text.trim();
        match StandardVerifier::new(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(LedgerError::Malformed(format!("`{text}` is no public key: {error}"))),
        }
    }

    /// Reads a `.pub` file.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let text = std::fs::read_to_string(path).map_err(LedgerError::io(path))?;
        Self::parse(&text).map_err(|error| LedgerError::Malformed(format!("{}: {error}", path.display())))
    }

    /// Whose key it is.
    pub fn name(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }

    /// Name and hash: enough to tell keys apart in messages and envelopes.
    pub fn id(&self) -> String {
        self.0.splitn(3, '+').take(2).collect::<Vec<_>>().join("+")
    }

    /// The key without its name: who has two names has one of these.
    pub fn material(&self) -> &str {
        self.0.splitn(3, '+').nth(2).unwrap_or_default()
    }

    /// Is `signature` this key's over `message`?
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        StandardVerifier::new(&self.0).is_ok_and(|verifier| verifier.verify(message, signature))
    }

    pub(crate) fn verifier(&self) -> Option<StandardVerifier> {
        StandardVerifier::new(&self.0).ok()
    }
}
