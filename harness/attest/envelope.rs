//! The envelope: the bytes that are signed, and by which key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AttestError, SigningKey, Statement, TrustedKey};

/// What the payload is.
const PAYLOAD: &str = "application/vnd.in-toto+json";

/// The form on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// The text of a file that says `statement` and is signed with `key`, with a line break at its end.
pub fn seal(statement: &Statement, key: &SigningKey) -> Result<String, AttestError> {
    let form = |error: serde_json::Error| AttestError::Form(error.to_string());
    let payload = serde_json::to_vec(statement).map_err(form)?;
    let signature =
        Signature { keyid: key.id(), sig: STANDARD.encode(key.sign(&encoded(PAYLOAD, &payload))) };
    let envelope = Envelope {
        payload_type: PAYLOAD.to_owned(),
        payload: STANDARD.encode(&payload),
        signatures: vec![signature],
    };
    serde_json::to_string_pretty(&envelope).map(|text| text + "\n").map_err(form)
}

/// Whether the text has the form of an attestation, whoever signed it.
pub fn is_envelope(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|it: Envelope| it.payload_type == PAYLOAD)
}

/// What the text of a file states, if it is signed with `key` and holds at `now`.
pub fn open(text: &str, key: &TrustedKey, now: Timestamp) -> Result<Statement, AttestError> {
    let form = |error: &dyn std::fmt::Display| AttestError::Form(error.to_string());
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| form(&error))?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|error| form(&error))?;
    let signed = encoded(&envelope.payload_type, &payload);
    // A name of a key is a hint only: what counts is whether the trusted one signed.
    let is_ours = |it: &Signature| {
        STANDARD.decode(&it.sig).is_ok_and(|signature| key.has_signed(&signed, &signature))
    };
    if !envelope.signatures.iter().any(is_ours) {
        return Err(AttestError::Unsigned(key.id()));
    }
    if envelope.payload_type != PAYLOAD {
        return Err(AttestError::Form(format!("it holds {}", envelope.payload_type)));
    }
    let statement: Statement = serde_json::from_slice(&payload).map_err(|error| form(&error))?;
    statement.hold(now)?;
    Ok(statement)
}

/// DSSE's pre-authentication encoding.
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::{SignedDuration, Timestamp};

    use super::{encoded, open, seal};
    use crate::attest::{
        AttestError, DatabaseStated, PendingStated, Release, SigningKey, Statement, Subject,
        TrustedKey,
    };

    /// As `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` wrote them.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEICuOoIyJSPkpyrZOS5wPXTzmCW3PURTXeDD5vPrw8HY3\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAIJnRveiPS4aRdFu5CbeUF92md0ItzP2XhJtnhjCuH7Y=\n\
        -----END PUBLIC KEY-----\n";
    const OTHER: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA0XXydUUSUdUp7qWaETUZ4RWo1TePbF2GEonn0R3Tm6U=\n\
        -----END PUBLIC KEY-----\n";

    fn keys() -> (SigningKey, TrustedKey, TrustedKey) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let trusted = |name, text| TrustedKey::read(&write(name, text)).unwrap();
        let signing = SigningKey::read(&write("gate.key", PRIVATE)).unwrap();
        (signing, trusted("gate.pub", PUBLIC), trusted("other.pub", OTHER))
    }

    fn now() -> Timestamp {
        "2026-02-03T04:05:06Z".parse().unwrap()
    }

    fn statement() -> Statement {
        let database = DatabaseStated {
            name: "shop".to_owned(),
            system_identifier: "7".to_owned(),
            server: "15.18".to_owned(),
            applied: 3,
        };
        let pending = PendingStated { revision: "4".to_owned(), digest: "ab".to_owned() };
        let release = Release {
            schema: 1,
            stairway: "0.1.0".to_owned(),
            made: now(),
            expires: now() + SignedDuration::from_hours(24),
            environment: "production".to_owned(),
            database,
            layout: "plain".to_owned(),
            pending: vec![pending],
            backup: None,
            facts: Vec::new(),
        };
        Statement::new(vec![Subject::new("4_a.up.sql", "cd")], release)
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_only_and_only_while_it_holds() {
        let (signing, trusted, other) = keys();
        let text = seal(&statement(), &signing).unwrap();
        assert_eq!(open(&text, &trusted, now()).unwrap(), statement());
        assert_eq!(signing.id(), trusted.id());
        assert!(matches!(open(&text, &other, now()), Err(AttestError::Unsigned(_))));
        let late = now() + SignedDuration::from_hours(24);
        assert!(matches!(open(&text, &trusted, late), Err(AttestError::Expired { .. })));
        let early = now() - SignedDuration::from_hours(1);
        assert!(matches!(open(&text, &trusted, early), Err(AttestError::Early { .. })));
    }

    #[test]
    fn whoever_changes_a_byte_breaks_it() {
        use base64::Engine as _;
        let (signing, trusted, _) = keys();
        let text = seal(&statement(), &signing).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        let payload = engine.decode(value["payload"].as_str().unwrap()).unwrap();
        let edited = String::from_utf8(payload).unwrap().replace("\"ab\"", "\"ba\"");
        value["payload"] = engine.encode(edited).into();
        let edited = open(&value.to_string(), &trusted, now());
        assert!(matches!(edited, Err(AttestError::Unsigned(_))), "{edited:?}");
        value["signatures"] = serde_json::json!([]);
        assert!(matches!(open(&value.to_string(), &trusted, now()), Err(AttestError::Unsigned(_))));
        assert!(matches!(open("{}", &trusted, now()), Err(AttestError::Form(_))));
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.pub");
        std::fs::write(&path, PUBLIC).unwrap();
        let error = SigningKey::read(&path).unwrap_err();
        assert!(error.to_string().contains("no private key"), "{error}");
        std::fs::write(&path, PRIVATE).unwrap();
        let error = TrustedKey::read(&path).unwrap_err();
        assert!(error.to_string().contains("openssl"), "{error}");
        assert!(matches!(
            TrustedKey::read(&PathBuf::from("no/such")),
            Err(AttestError::Read { .. })
        ));
    }

    /// The example in DSSE's own text.
    #[test]
    fn it_is_the_encoding_of_dsse() {
        let bytes = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
