//! TLS for a session that is lent: what an ordinary session does by itself, with the same answers to `sslmode`.
//!
//! Source: "SSL Session Encryption" in the chapter on the protocol of PostgreSQL's manual, and `sslmode` in
//! that on libpq.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sqlx::postgres::PgSslMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::wire::Wire;
use crate::postgres::Target;

/// `SSLRequest`: its length and its code.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks the server for TLS, as far as `target` wants it, and begins it if both do.
pub(super) async fn begin(mut stream: TcpStream, target: &Target) -> io::Result<Box<dyn Wire>> {
    let mode = target.0.get_ssl_mode();
    // An ordinary session takes what is allowed for what is not wanted, too.
    if matches!(mode, PgSslMode::Disable | PgSslMode::Allow) {
        return Ok(Box::new(stream));
    }
    stream.write_all(&REQUEST).await?;
    match stream.read_u8().await? {
        b'S' => {}
        _ if matches!(mode, PgSslMode::Prefer) => return Ok(Box::new(stream)),
        _ => {
            return Err(io::Error::other(
                "the server does not support TLS, and sslmode asks for it",
            ));
        }
    }
    let name = ServerName::try_from(target.host()).map_err(io::Error::other)?;
    let config = Arc::new(config(mode, target).await?);
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
}

async fn config(mode: PgSslMode, target: &Target) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous();
    let verifier = match mode {
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => {
            let roots = roots(target).await?;
            let inner = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
            let checks_name = matches!(mode, PgSslMode::VerifyFull);
            Verifier::Roots { inner: inner.map_err(io::Error::other)?, checks_name }
        }
        _ => Verifier::Anybody(provider),
    };
    let builder = builder.with_custom_certificate_verifier(Arc::new(verifier));
    match (file(target, "sslcert").await?, file(target, "sslkey").await?) {
        (Some(certificate), Some(key)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
            let key = PrivateKeyDer::from_pem_slice(&key).map_err(io::Error::other)?;
            let chain = chain.map_err(io::Error::other)?;
            builder.with_client_auth_cert(chain, key).map_err(io::Error::other)
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        _ => Err(io::Error::other("sslcert and sslkey belong together: one of them is missing")),
    }
}

/// The authorities that are trusted: the public ones, and those that are named.
async fn roots(target: &Target) -> io::Result<RootCertStore> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let named = file(target, "sslrootcert").await?.unwrap_or_default();
    for certificate in CertificateDer::pem_slice_iter(&named) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    Ok(roots)
}

/// What a parameter names: a file, or PEM itself.
async fn file(target: &Target, key: &str) -> io::Result<Option<Vec<u8>>> {
    let value = target.options().find(|(name, _, _)| *name == key).map(|(_, _, value)| value);
    match value {
        None => Ok(None),
        Some(text) if text.trim_start().starts_with("-----BEGIN") => Ok(Some(text.into_bytes())),
        Some(path) => {
            let read = tokio::fs::read(&path).await;
            read.map(Some).map_err(|error| io::Error::other(format!("{key} {path}: {error}")))
        }
    }
}

/// Whom a server may be.
#[derive(Debug)]
enum Verifier {
    /// `require` and `prefer` ask for nothing but secrecy.
    Anybody(Arc<CryptoProvider>),
    /// `verify-ca`, and `verify-full` with the name.
    Roots { inner: Arc<WebPkiServerVerifier>, checks_name: bool },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Self::Roots { inner, checks_name } = self else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !checks_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::Anybody(provider) => {
                let known = &provider.signature_verification_algorithms;
                verify_tls12_signature(message, certificate, signed, known)
            }
            Self::Roots { inner, .. } => inner.verify_tls12_signature(message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::Anybody(provider) => {
                let known = &provider.signature_verification_algorithms;
                verify_tls13_signature(message, certificate, signed, known)
            }
            Self::Roots { inner, .. } => inner.verify_tls13_signature(message, certificate, signed),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Self::Anybody(provider) => {
                provider.signature_verification_algorithms.supported_schemes()
            }
            Self::Roots { inner, .. } => inner.supported_verify_schemes(),
        }
    }
}
