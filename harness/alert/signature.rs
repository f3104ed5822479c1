//! How a receiver tells that a request is ours and new.
//!
//! Knows HMAC-SHA256 over the time and the body.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// `sha256=` and the HMAC-SHA256 of `<timestamp>.<body>` in hexadecimal digits. The timestamp is in
/// seconds since 1970, so that a receiver may refuse what is old.
pub(super) fn sign(secret: &Secret, timestamp: u64, body: &str) -> Option<String> {
    hmac(secret.expose().as_bytes(), format!("{timestamp}.{body}").as_bytes())
        .map(|digits| format!("sha256={digits}"))
}

fn hmac(key: &[u8], text: &[u8]) -> Option<String> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(digits(&mac.finalize().into_bytes()))
}

/// In hexadecimal digits.
pub(super) fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{hmac, sign};
    use crate::secret::Secret;

    #[test]
    fn it_is_the_one_of_rfc_4231() {
        let told = hmac(b"Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(told, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = [0xaa; 131];
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let told = hmac(&long, text).unwrap();
        assert_eq!(told, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn time_and_body_are_signed() {
        let secret = Secret::new("sesame");
        let one = sign(&secret, 1, "body").unwrap();
        assert!(one.starts_with("sha256=") && one.len() == 7 + 64);
        assert_ne!(one, sign(&secret, 2, "body").unwrap());
        assert_ne!(one, sign(&secret, 1, "other").unwrap());
    }
}
