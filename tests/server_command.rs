//! Servers that the user's own commands make: made once, destroyed once, whoever dies.
//!
//! The commands of each test write down what they were told; the server behind the URL is a local
//! one of the test.
mod server_owner;

use std::fs;
use std::path::Path;

use server_owner::{Owner, eventually, kill, shells_of};
use stairway::postgres::Session;
use stairway::server::{Backend, Choice, Server, ServerSpec, Template};

async fn host() -> Server {
    Server::acquire(&ServerSpec { choice: Choice::Local, ..ServerSpec::default() }).await.unwrap()
}

/// Commands that keep a diary in `folder`: `made` and `destroyed <url>`, one line each.
fn spec(host: &Server, folder: &Path) -> ServerSpec {
    let url = host.admin().url_with_password();
    let diary = folder.join("diary").display().to_string();
    ServerSpec {
        choice: Choice::Command,
        create: Some(format!("echo made >>'{diary}'; echo working; echo '{url}'; echo ''")),
        destroy: Some(format!("echo \"destroyed $STAIRWAY_SERVER_URL\" >>'{diary}'")),
        ..ServerSpec::default()
    }
}

fn diary(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("diary")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn both(host: &Server) -> Vec<String> {
    vec!["made".to_owned(), format!("destroyed {}", host.admin().url_with_password())]
}

fn start_owner(spec: &ServerSpec, runtime: &Path) -> Owner {
    let runtime = runtime.display().to_string();
    let environment = [
        ("STAIRWAY_SERVER", "command"),
        ("STAIRWAY_SERVER_CREATE", spec.create.as_deref().unwrap()),
        ("STAIRWAY_SERVER_DESTROY", spec.destroy.as_deref().unwrap()),
        ("STAIRWAY_RUNTIME", &runtime),
    ];
    Owner::start("owner", &environment)
}

fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The folder of the only lease below `runtime`.
fn home(runtime: &Path) -> std::path::PathBuf {
    let root = fs::read_dir(runtime).unwrap().flatten().next().unwrap().path();
    fs::read_dir(root).unwrap().flatten().next().unwrap().path()
}

#[tokio::test]
#[ignore = "not a test: the process that the others kill"]
async fn owner() {
    server_owner::hold(&ServerSpec::from_env().unwrap()).await;
}

#[tokio::test]
async fn it_is_made_once_and_destroyed_once() {
    let (host, folder) = (host().await, folder());
    let server = Server::acquire(&spec(&host, folder.path())).await.unwrap();
    assert_eq!(server.backend(), Backend::Command);
    assert_eq!(server.version(), host.version());
    let database = server.create_database(Template::Empty).await.unwrap();
    let mut session = Session::connect(&database.target, "test").await.unwrap();
    session.execute("CREATE TABLE t ()").await.unwrap();
    assert_eq!(diary(folder.path()), ["made"]);
    server.stop().await.unwrap();
    assert_eq!(diary(folder.path()), both(&host));
    let mut session = Session::connect(host.admin(), "test").await.unwrap();
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'stairway%'";
    assert_eq!(session.value(left).await.unwrap().unwrap(), "0");
    session.close().await.unwrap();

    drop(Server::acquire(&spec(&host, folder.path())).await.unwrap());
    assert_eq!(diary(folder.path()), [both(&host), both(&host)].concat());
    host.stop().await.unwrap();
}

#[tokio::test]
async fn it_is_destroyed_once_when_its_owner_is_killed() {
    let (host, runtime, folder) = (host().await, folder(), folder());
    let owner = start_owner(&spec(&host, folder.path()), runtime.path());
    let home = home(runtime.path());
    owner.kill();
    eventually("its lease is cleaned", || !home.exists());
    assert_eq!(diary(folder.path()), both(&host));
    start_owner(&spec(&host, folder.path()), runtime.path()).release();
    assert_eq!(diary(folder.path()), [both(&host), both(&host)].concat());
    host.stop().await.unwrap();
}

#[tokio::test]
async fn the_next_run_destroys_it_when_the_watchdog_is_killed_too() {
    let (host, runtime, folder) = (host().await, folder(), folder());
    let dead = start_owner(&spec(&host, folder.path()), runtime.path());
    let home = home(runtime.path());
    let shells = shells_of(&home);
    assert!(!shells.is_empty());
    shells.into_iter().for_each(kill);
    dead.kill();
    assert_eq!(diary(folder.path()), ["made"]);
    start_owner(&spec(&host, folder.path()), runtime.path()).release();
    let expected = [vec!["made".to_owned()], vec![both(&host)[1].clone()], both(&host)].concat();
    assert_eq!(diary(folder.path()), expected);
    assert!(!home.exists());
    host.stop().await.unwrap();
}

#[tokio::test]
async fn failures_quote_what_the_command_said() {
    let (host, folder) = (host().await, folder());
    let good = spec(&host, folder.path());
    let with = |create: &str| ServerSpec { create: Some(create.to_owned()), ..good.clone() };

    let error = Server::acquire(&with("echo no quota >&2; exit 3")).await.unwrap_err().to_string();
    assert!(error.contains("ended with 3") && error.contains("no quota"), "{error}");
    let error = Server::acquire(&with("true")).await.unwrap_err().to_string();
    assert!(error.contains("printed no URL"), "{error}");
    assert_eq!(diary(folder.path()), Vec::<String>::new(), "nothing was made");
    // It made something, even if its answer makes no sense: that is destroyed.
    let error = Server::acquire(&with("echo ready")).await.unwrap_err().to_string();
    assert!(error.contains("printed no URL last"), "{error}");
    assert_eq!(diary(folder.path()), ["destroyed ready"]);

    let destroy = Some("echo it is stuck >&2; exit 4".to_owned());
    let server = Server::acquire(&ServerSpec { destroy, ..good.clone() }).await.unwrap();
    let error = server.stop().await.unwrap_err().to_string();
    assert!(error.contains("destroy command ended with 4"), "{error}");
    assert!(error.contains("it is stuck"), "{error}");

    let none = ServerSpec { create: None, ..good };
    let error = Server::acquire(&none).await.unwrap_err().to_string();
    assert!(error.contains("STAIRWAY_SERVER_CREATE"), "{error}");
    host.stop().await.unwrap();
}
