//! A client for HTTP: whom it trusts, and why somebody was not reached.
//!
//! Knows ureq, which blocks. Must not know what is sent, nor to whom. Says why without saying where to.

use std::sync::OnceLock;

use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::{Host, Url};

/// Why there is no answer.
pub(crate) enum Unreached {
    /// The address can't be used at all.
    Address(String),
    /// It may be otherwise another time.
    Trouble(String),
}

/// A client for this address. A redirection is not followed: the address is wrong then, and what
/// is signed for one host is not for another.
pub(crate) fn agent(url: &Url) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("stairway/", env!("CARGO_PKG_VERSION")));
    if url.scheme() == "https" {
        config = config.tls_config(TlsConfig::builder().root_certs(roots()).build());
    }
    if is_loopback(url) {
        // A proxy would look for it on its own machine.
        config = config.proxy(None);
    }
    config.build().new_agent()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The certificates that the system trusts, or Mozilla's where it has none.
fn roots() -> RootCerts {
    static ROOTS: OnceLock<RootCerts> = OnceLock::new();
    let load = || {
        let found = rustls_native_certs::load_native_certs().certs;
        let certificates: Vec<Certificate<'static>> =
            found.iter().map(|found| Certificate::from_der(found).to_owned()).collect();
        if certificates.is_empty() {
            return RootCerts::WebPki;
        }
        RootCerts::new_with_certs(&certificates)
    };
    ROOTS.get_or_init(load).clone()
}

/// What an error of the client says of whoever does not answer.
pub(crate) fn unreached(error: &ureq::Error) -> Unreached {
    Unreached::Trouble(match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
            return Unreached::Address("its address can't be used".to_owned());
        }
        ureq::Error::Timeout(_) => "it does not answer in time".to_owned(),
        ureq::Error::HostNotFound => "its host is not known".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    })
}
