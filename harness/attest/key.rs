//! Keys of Ed25519: who signs, and whom one trusts.

use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use sha2::{Digest, Sha256};

use super::AttestError;

/// The private half: it signs.
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({})", self.id())
    }
}

/// The public half: what it verifies was signed by whoever has the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    raw: [u8; RAW],
}

/// The length of a public key in bytes.
const RAW: usize = 32;
/// What stands before those bytes in the DER of a public key (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl SigningKey {
    /// Reads a file of PEM, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn read(path: &Path) -> Result<Self, AttestError> {
        let text = read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes());
        let pair = der.ok().and_then(|der| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok()
        });
        let pair =
            pair.ok_or_else(|| AttestError::NoKey { path: path.to_owned(), kind: "private" });
        Ok(Self { pair: pair? })
    }

    /// Names its public half: the first 16 hexadecimal digits of that one's SHA-256.
    pub fn id(&self) -> String {
        id(self.pair.public_key().as_ref())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl TrustedKey {
    /// Reads a file of PEM, as `openssl pkey -pubout` writes it.
    pub fn read(path: &Path) -> Result<Self, AttestError> {
        let text = read(path)?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes());
        let raw = der.ok().and_then(|der| der.strip_prefix(&SPKI)?.try_into().ok());
        let raw = raw.ok_or_else(|| AttestError::NoKey { path: path.to_owned(), kind: "public" });
        Ok(Self { raw: raw? })
    }

    /// Its name, as [`SigningKey::id`] has it.
    pub fn id(&self) -> String {
        id(&self.raw)
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.raw).verify(message, signature).is_ok()
    }
}

fn read(path: &Path) -> Result<String, AttestError> {
    std::fs::read_to_string(path)
        .map_err(|source| AttestError::Read { path: path.to_owned(), source })
}

fn id(public: &[u8]) -> String {
    Sha256::digest(public).iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
