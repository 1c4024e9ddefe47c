//! To whom secret blobs are encrypted, and what opens them: recipients and identities of age (<https://age-encryption.org/v1>), so that
//! `age -d` opens a blob's file too. Keys are only ever in memory.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, Identity, IdentityFile, Recipient};
use thiserror::Error;

/// How the text of an SSH private key begins.
const PEM: &str = "-----BEGIN";

/// Says why a text is no key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct UnusableKey(String);

/// Those who can open what is encrypted.
#[derive(Clone)]
pub struct Recipients(Arc<Vec<Box<dyn Recipient + Send + Sync>>>);

impl Recipients {
    /// Reads recipients: `age1...`, or public keys of SSH, `ssh-ed25519 ...` or `ssh-rsa ...`.
    ///
    /// # Errors
    /// Names the one that cannot be used; none at all is one that cannot.
    pub fn parse(texts: &[String]) -> Result<Self, UnusableKey> {
        let all: Vec<_> = texts.iter().map(|text| recipient(text)).collect::<Result<_, _>>()?;
        let recipients = Self(Arc::new(all));
        // Whether they go together is known when something is encrypted.
        let sample = recipients.encrypt(io::sink());
        sample.map_err(|why| UnusableKey(format!("nothing can be encrypted: {why}")))?;
        Ok(recipients)
    }

    /// Begins to encrypt what is written; the end must be written too.
    pub(crate) fn encrypt<W: Write>(&self, out: W) -> io::Result<StreamWriter<W>> {
        let all = self.0.iter().map(|recipient| &**recipient as &dyn Recipient);
        Encryptor::with_recipients(all).map_err(io::Error::other)?.wrap_output(out)
    }
}

fn recipient(text: &str) -> Result<Box<dyn Recipient + Send + Sync>, UnusableKey> {
    let text = text.trim();
    let wrong = |why: &str| Err(UnusableKey(format!("`{text}` cannot be encrypted to: {why}")));
    if text.starts_with("AGE-SECRET-KEY") {
        // Not even its beginning is shown.
        let why =
            "an identity was given where a recipient belongs; `age-keygen -y` shows its recipient";
        return Err(UnusableKey(why.to_owned()));
    }
    if text.starts_with("ssh-") {
        return match text.parse::<age::ssh::Recipient>() {
            Ok(recipient) => Ok(Box::new(recipient)),
            Err(why) => wrong(&format!("it is no public key of ssh-ed25519 or ssh-rsa ({why:?})")),
        };
    }
    match text.parse::<age::x25519::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(why) => wrong(why),
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} recipients", self.0.len())
    }
}

/// What opens encrypted blobs.
#[derive(Clone, Default)]
pub struct Identities(Arc<Vec<Box<dyn Identity + Send + Sync>>>);

/// Says why an encrypted blob did not open.
pub(crate) enum Shut {
    /// There is no key for it.
    Locked(&'static str),
    /// It is not what was written.
    Damaged,
    /// It could not be read.
    Io(io::Error),
}

impl Identities {
    /// Reads identities: the text of a file of age's, or of a private key of SSH that has no passphrase.
    ///
    /// # Errors
    /// Says what is wrong, and never what was read.
    pub fn parse(text: &str) -> Result<Self, UnusableKey> {
        let unusable = |why: &str| UnusableKey(why.to_owned());
        if text.trim_start().starts_with(PEM) {
            let key = age::ssh::Identity::from_buffer(text.trim_start().as_bytes(), None);
            return match key.map_err(|_| unusable("it is no private key of SSH"))? {
                key @ age::ssh::Identity::Unencrypted(_) => Ok(Self(Arc::new(vec![Box::new(key)]))),
                age::ssh::Identity::Encrypted(_) => Err(unusable(
                    "the private key of SSH has a passphrase; name a copy without one (`ssh-keygen -p`)",
                )),
                age::ssh::Identity::Unsupported(_) => Err(unusable(
                    "this kind of private key of SSH cannot be used; ssh-ed25519 and ssh-rsa can",
                )),
            };
        }
        let file = IdentityFile::from_buffer(text.as_bytes());
        let file = file.map_err(|_| unusable("it is neither a file with identities of age (AGE-SECRET-KEY-1...) nor a private key of SSH"))?;
        let all = file.into_identities().map_err(|why| UnusableKey(why.to_string()))?;
        if all.is_empty() { Err(unusable("no identity is in it")) } else { Ok(Self(Arc::new(all))) }
    }

    /// Opens what is encrypted.
    pub(crate) fn decrypt<R: Read>(&self, input: R) -> Result<StreamReader<R>, Shut> {
        if self.0.is_empty() {
            return Err(Shut::Locked("no identity was given"));
        }
        let all = self.0.iter().map(|identity| &**identity as &dyn Identity);
        let opened = Decryptor::new(input).and_then(|sealed| sealed.decrypt(all));
        opened.map_err(|error| {
            if let DecryptError::Io(error) = error {
                let of_the_bytes = [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData];
                let is_damage = of_the_bytes.contains(&error.kind());
                return if is_damage { Shut::Damaged } else { Shut::Io(error) };
            }
            match matches!(error, DecryptError::NoMatchingKeys) {
                true => Shut::Locked("the identity that was given does not open it"),
                false => Shut::Damaged,
            }
        })
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} identities", self.0.len())
    }
}
