//! What a backup brings with it: code that dials out, addresses and passwords. Nothing of it may reach
//! anybody from the copy.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stairway::backup::Format;
use stairway::postgres::Session;
use stairway::steps;

use crate::ground::eventually;
use crate::servers;
use crate::yard::Yard;

const SECRET: &str = "planted-s3cret-4111";

/// Somebody who listens on this machine and counts who calls.
struct Listener {
    port: u16,
    calls: Arc<AtomicUsize>,
}

impl Listener {
    fn begin() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        std::thread::spawn(move || {
            for call in socket.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
                drop(call);
            }
        });
        Self { port, calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// A table whose rows dial out whenever they are checked, and pass whatever comes of it.
    fn dialer(&self) -> String {
        format!(
            "CREATE EXTENSION dblink; \
             CREATE FUNCTION dial(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
               PERFORM public.dblink_connect('host=127.0.0.1 port={} user=x dbname=x password={SECRET}'); \
               RETURN true; EXCEPTION WHEN OTHERS THEN RETURN true; END $$; \
             CREATE TABLE call (nth int CHECK (public.dial(nth))); INSERT INTO call VALUES (1)",
            self.port
        )
    }
}

/// Whether this machine lets the user of servers have a network of their own.
fn can_be_cut_off() -> bool {
    let arguments = ["--user", "--map-current-user", "--net", "true"];
    let able = Command::new("unshare").args(arguments).stderr(Stdio::null()).status();
    let able = able.is_ok_and(|status| status.success());
    if !able {
        eprintln!("SKIPPED: no namespaces here, no server can be cut off from the network");
    }
    able
}

#[tokio::test]
async fn a_copy_calls_nobody() {
    if !can_be_cut_off() {
        return;
    }
    for major in servers::majors() {
        let (yard, listener) = (Yard::new(*major).await, Listener::begin());
        yard.ground.run("shop", &listener.dialer()).await;
        eventually("the original calls", async || listener.calls() > 0).await;
        let before = listener.calls();
        let backup = yard.ours("shop", "store", Format::Custom).await;
        let ran = yard.of(&backup.path, &[]);
        ran.is(0, "ok");
        assert_eq!(ran.report["server"]["cut_off"], true);
        assert!(ran.check("isolation").1.starts_with("no network"), "{:#}", ran.report);
        assert_eq!(ran.check("rows").0, "held", "the row was checked by the function");
        assert_eq!(listener.calls(), before, "the copy called");
        yard.end().await;
    }
}

/// Where a server can't be cut off, what could speak is refused until somebody accepts it.
#[tokio::test]
async fn what_could_call_is_refused_where_nothing_keeps_it_from_that() {
    let (yard, listener) = (Yard::new(servers::majors()[0]).await, Listener::begin());
    let harmless = yard.ours("shop", "harmless", Format::Custom).await;
    yard.ground.run("shop", &listener.dialer()).await;
    let caller = yard.ours("shop", "store", Format::Custom).await;
    // A system without namespaces, as far as anybody can tell.
    let folder = yard.folder("programs");
    std::fs::write(folder.join("unshare"), "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(folder.join("unshare"), PermissionsExt::from_mode(0o755)).unwrap();
    for part in [folder.as_path(), yard.ground.scratch.path()] {
        std::fs::set_permissions(part, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let drill = |words: &[&str]| {
        let output = yard.command(words).env("PATH", &path).output().unwrap();
        crate::yard::Ran::of(&output)
    };
    let before = listener.calls();
    let ran = drill(&["--backup", caller.path.to_str().unwrap()]);
    ran.is(13, "environment").says("extension dblink");
    assert!(ran.report["help"].as_str().unwrap().contains("--allow-network"));
    assert_eq!(listener.calls(), before, "the copy called");
    let ran = drill(&["--backup", harmless.path.to_str().unwrap()]);
    ran.is(0, "ok");
    assert_eq!(ran.report["server"]["cut_off"], false);
    assert!(ran.check("isolation").1.contains("nothing in the backup speaks"));
    let ran = drill(&["--backup", caller.path.to_str().unwrap(), "--allow-network"]);
    ran.is(0, "ok");
    assert!(listener.calls() > before, "it was allowed, and nobody kept it from that");
    assert!(!format!("{:#}{}", ran.report, ran.stderr).contains(SECRET));
    yard.end().await;
}

/// Addresses and secrets are taken out of a copy, whoever could be reached.
#[tokio::test]
async fn addresses_and_passwords_are_taken_away() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        yard.ground
            .run(
                "shop",
                &format!(
                    "CREATE EXTENSION postgres_fdw; \
                     CREATE SERVER \"Far\" FOREIGN DATA WRAPPER postgres_fdw \
                       OPTIONS (host 'far.example.com', hostaddr '192.0.2.1', port '6000', dbname 'x'); \
                     CREATE USER MAPPING FOR PUBLIC SERVER \"Far\" OPTIONS (user 'u', password '{SECRET}'); \
                     CREATE USER MAPPING FOR postgres SERVER \"Far\" OPTIONS (user 'u', password '{SECRET}'); \
                     CREATE FOREIGN TABLE away (id int) SERVER \"Far\"; \
                     CREATE ROLE reader LOGIN PASSWORD '{SECRET}'"
                ),
            )
            .await;
        // Two statements: making one is not allowed in a transaction that another one shares.
        let subscription = format!(
            "CREATE SUBSCRIPTION news CONNECTION 'host=far.example.com password={SECRET}' \
             PUBLICATION news WITH (connect = false)"
        );
        yard.ground.run("shop", &subscription).await;
        let mut session =
            Session::connect(&yard.ground.server.target("shop"), "test").await.unwrap();
        let silenced = steps::silence(&mut session, true).await.unwrap();
        assert_eq!(silenced.subscriptions, ["news"]);
        assert_eq!(silenced.servers, ["Far"]);
        assert_eq!(silenced.mappings.len(), 2);
        assert!(silenced.passwords.contains(&"reader".to_owned()));
        assert!(silenced.refused.is_empty(), "{silenced:?}");
        let left = session
            .value(
                "SELECT concat((SELECT string_agg(subconninfo || subenabled::text, ',') FROM pg_subscription), \
                 (SELECT string_agg(srvoptions::text, ',') FROM pg_foreign_server), \
                 (SELECT string_agg(umoptions::text, ',') FROM pg_user_mapping), \
                 (SELECT string_agg(rolpassword, ',') FROM pg_authid))",
            )
            .await
            .unwrap()
            .unwrap();
        assert!(!left.contains(SECRET) && !left.contains("far.example.com"), "{left}");
        assert!(left.contains("false") && !left.contains("192.0.2.1"), "{left}");
        // Once more there is nothing to take away but what stays an address.
        let again = steps::silence(&mut session, true).await.unwrap();
        assert!(again.passwords.is_empty() && again.mappings.is_empty(), "{again:?}");
        session.execute("DROP SUBSCRIPTION news").await.unwrap();
        session.execute("DROP ROLE reader").await.unwrap();
        session.close().await.unwrap();
        yard.end().await;
    }
}
