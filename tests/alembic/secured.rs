//! A session that is lent has TLS where an ordinary one would have it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stairway::postgres::{Session, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::servers::{self, TestServer};

/// Speaks TLS, or says that it does not, in front of a server that listens on a socket only.
struct Front {
    port: u16,
    /// How many connections came to have TLS.
    secured: Arc<AtomicUsize>,
}

impl Front {
    async fn open(acceptor: Option<TlsAcceptor>, socket: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let secured = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&secured);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, socket, count) =
                    (acceptor.clone(), socket.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let _ = pass(stream, acceptor, &socket, &count).await;
                });
            }
        });
        Self { port, secured }
    }
}

async fn pass(
    mut stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    socket: &str,
    count: &AtomicUsize,
) -> std::io::Result<()> {
    let mut first = [0; 8];
    stream.read_exact(&mut first).await?;
    let mut server = UnixStream::connect(socket).await?;
    let asks = first == [0, 0, 0, 8, 4, 210, 22, 47];
    match acceptor {
        Some(acceptor) if asks => {
            stream.write_all(b"S").await?;
            let mut stream = acceptor.accept(stream).await?;
            count.fetch_add(1, Ordering::Relaxed);
            copy_bidirectional(&mut stream, &mut server).await.map(drop)
        }
        // As a server of which pg_hba.conf wants TLS.
        Some(_) => Ok(()),
        None => {
            if asks {
                stream.write_all(b"N").await?;
            } else {
                server.write_all(&first).await?;
            }
            copy_bidirectional(&mut stream, &mut server).await.map(drop)
        }
    }
}

/// A server for `localhost` whose authority is in the file that is given.
fn acceptor(authority: &Path) -> TlsAcceptor {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(authority, issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(own.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// What came of a session that can be lent: whether it has TLS, or the words of its refusal.
async fn lent(server: &TestServer, front: &Front, host: &str, query: &str) -> Result<bool, String> {
    let target = server.target("postgres");
    let variables = target.libpq_environment();
    let value = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.clone());
    let user = value("PGUSER").unwrap();
    let word = value("PGPASSWORD").map(|word| format!(":{word}")).unwrap_or_default();
    let url = format!("postgres://{user}{word}@{host}:{}/postgres?{query}", front.port);
    let before = front.secured.load(Ordering::Relaxed);
    let session = Session::connect_to_lend(&Target::parse(&url).unwrap(), "test").await;
    let mut session =
        session.map_err(|error| std::error::Error::source(&error).unwrap().to_string())?;
    let long = session.value("SELECT repeat('x', 100000)").await.unwrap().unwrap();
    assert_eq!(long.len(), 100_000);
    session.close().await.unwrap();
    Ok(front.secured.load(Ordering::Relaxed) > before)
}

#[test]
fn tls_is_what_sslmode_says() {
    let Some(server) = servers::server(servers::majors()[0]) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        let variables = server.target("postgres").libpq_environment();
        let value = |name: &str| variables.iter().find(|it| it.0 == name).unwrap().1.clone();
        let socket = format!("{}/.s.PGSQL.{}", value("PGHOST"), value("PGPORT"));
        let has = Front::open(Some(acceptor(&authority)), socket.clone()).await;
        let has_not = Front::open(None, socket).await;
        let root = format!("sslrootcert={}", authority.display());
        for (front, host, query, expected) in [
            (&has, "localhost", "sslmode=prefer", Ok(true)),
            (&has, "127.0.0.1", "sslmode=require", Ok(true)),
            (&has, "localhost", &*format!("sslmode=verify-full&{root}"), Ok(true)),
            (&has, "127.0.0.1", &*format!("sslmode=verify-ca&{root}"), Ok(true)),
            (&has, "127.0.0.1", &*format!("sslmode=verify-full&{root}"), Err("certificate")),
            (&has, "localhost", "sslmode=verify-ca", Err("certificate")),
            (
                &has,
                "localhost",
                "sslmode=verify-ca&sslrootcert=/nowhere",
                Err("sslrootcert /nowhere"),
            ),
            (&has, "localhost", "sslmode=require&sslcert=/nowhere", Err("/nowhere")),
            (&has, "localhost", "sslmode=disable", Err("")),
            (&has_not, "localhost", "sslmode=prefer", Ok(false)),
            (&has_not, "localhost", "sslmode=disable", Ok(false)),
            (&has_not, "localhost", "sslmode=require", Err("does not support TLS")),
        ] {
            match (lent(&server, front, host, query).await, expected) {
                (Ok(secured), Ok(expected)) => assert_eq!(secured, expected, "{host} {query}"),
                (Err(why), Err(words)) => assert!(why.contains(words), "{host} {query}: {why}"),
                (found, _) => panic!("{host} {query}: {found:?}"),
            }
        }
    });
}
