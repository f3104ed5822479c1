//! What wins over what, where it is said to stand, and that no secret is shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::alert::{Notice, Severity as Weight};

const HERE: &str = "/srv/shop";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn dotenv(text: &str) -> Dotenv {
    Dotenv::parse(&Path::new(HERE).join(".env.production"), text).unwrap()
}

fn found(
    flags: &DeploymentFlags,
    toml: &str,
    process: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Deployment, ConfigError> {
    let config = Config::parse(toml).unwrap();
    let variables = Variables::new(map(process), file.map(dotenv));
    Deployment::assemble(flags, &config, variables, Path::new(HERE))
}

fn setting(deployment: &Deployment, name: &str) -> (String, String) {
    let setting = deployment.settings.iter().find(|setting| setting.name == name).unwrap();
    (setting.value.clone(), setting.origin.to_string())
}

fn url(url: &str) -> DeploymentFlags {
    DeploymentFlags { database_url: Some(url.to_owned()), ..DeploymentFlags::default() }
}

#[test]
fn flags_win_over_the_environment_that_over_the_file_and_that_over_what_is_written_down() {
    let toml = "[deployment]\nbackup-dir = 'd'\ndatabase-url = 'postgres://w@w/d'";
    let file = "# ours\nexport BACKUP_DIR=c\nDATABASE_URL='postgres://f@f/d'\n";
    let process = [("BACKUP_DIR", "b"), ("DATABASE_URL", "postgres://p@p/d")];
    let flags = DeploymentFlags { backup_dir: Some(PathBuf::from("a")), ..url("postgres://l@l/d") };
    let none = DeploymentFlags::default();

    for (deployment, folder, of_folder, at, of_database) in [
        (found(&flags, toml, &process, Some(file)), "a", "--backup-dir", "l", "--database-url"),
        (
            found(&none, toml, &process, Some(file)),
            "b",
            "BACKUP_DIR in the environment",
            "p",
            "DATABASE_URL in the environment",
        ),
        (
            found(&none, toml, &[], Some(file)),
            "c",
            "BACKUP_DIR in /srv/shop/.env.production:2",
            "f",
            "DATABASE_URL in /srv/shop/.env.production:3",
        ),
        (
            found(&none, toml, &[], None),
            "d",
            "deployment.backup-dir in stairway.toml",
            "w",
            "deployment.database-url in stairway.toml",
        ),
    ] {
        let deployment = deployment.unwrap();
        let folder = format!("{HERE}/{folder}");
        assert_eq!(deployment.backup_dir, Path::new(&folder));
        assert_eq!(setting(&deployment, "backups"), (folder, of_folder.to_owned()));
        let database = format!("database \"d\" at {at}:5432 as {at}");
        assert_eq!(setting(&deployment, "database"), (database, of_database.to_owned()));
    }
}

#[test]
fn folders_are_below_the_deployment() {
    let deployment = found(&url("postgres://l@l/d"), "", &[], None).unwrap();
    assert_eq!(deployment.backup_dir, Path::new("/srv/shop/backups/migrations"));
    assert_eq!(deployment.logs, Path::new("/srv/shop/logs"));
    assert_eq!(deployment.state, Path::new("/srv/shop/.stairway"));
    assert_eq!(deployment.environment, Environment::Production);
    let process = [("DEPLOYMENT_DIR", "/opt/shop"), ("BACKUP_DIR", "other")];
    let deployment = found(&url("postgres://l@l/d"), "", &process, None).unwrap();
    assert_eq!(deployment.logs, Path::new("/opt/shop/logs"));
    assert_eq!(deployment.backup_dir, Path::new("/srv/shop/other"));
}

#[test]
fn libpq_s_variables_and_the_password_fill_what_the_url_lacks() {
    let none = DeploymentFlags::default();
    let file = "PGHOST=db\nPGPORT=5433\nPGUSER=ann\nPGDATABASE=shop\nPOSTGRES_PASSWORD='a b@c'\n";
    let deployment = found(&none, "", &[("PGUSER", "bob")], Some(file)).unwrap();
    assert_eq!(deployment.target.to_string(), "database \"shop\" at db:5433 as bob");
    assert_eq!(deployment.target.password().unwrap().expose(), "a b@c");
    let place = "POSTGRES_PASSWORD in /srv/shop/.env.production:5";
    assert_eq!(setting(&deployment, "password"), ("***".to_owned(), place.to_owned()));

    let half = "DATABASE_URL=postgresql+psycopg2://ann@db/shop\nPOSTGRES_PASSWORD=secret\n";
    let deployment = found(&none, "", &[("PGHOST", "other")], Some(half)).unwrap();
    assert_eq!(deployment.target.to_string(), "database \"shop\" at db:5432 as ann");
    assert_eq!(deployment.target.password().unwrap().expose(), "secret");

    let whole = "DATABASE_URL=postgres://ann:own%40@db/shop\nPOSTGRES_PASSWORD=secret\n";
    let deployment = found(&none, "", &[], Some(whole)).unwrap();
    assert_eq!(deployment.target.password().unwrap().expose(), "own@");
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let none = DeploymentFlags::default();
    let staging = DeploymentFlags { environment: Some("staging".to_owned()), ..none.clone() };
    let said = |result: Result<Deployment, ConfigError>| match result {
        Ok(deployment) => panic!("{deployment:?}"),
        Err(error) => error.to_string(),
    };
    let error = said(found(&none, "", &[], None));
    assert!(error.starts_with("no database was named\n  help: write DATABASE_URL"), "{error}");
    assert!(error.contains("/srv/shop/.env.production"), "{error}");
    // Variables that are there by chance name no database of staging.
    let error = said(found(&staging, "", &[("PGHOST", "db")], None));
    assert!(error.starts_with("there is no /srv/shop/.env.staging"), "{error}");
    assert!(error.contains("help: write"), "{error}");
    let process = [("DATABASE_URL", "postgres://l@l/d")];
    assert!(found(&staging, "", &process, None).is_ok());
    assert!(found(&none, "", &[("PGHOST", "db")], None).is_ok());
    let wrong = DeploymentFlags { environment: Some("prod".to_owned()), ..none };
    let error = said(found(&wrong, "", &[], None));
    assert!(error.contains("production, staging or development"), "{error}");
}

#[test]
fn what_can_t_be_read_is_named_by_file_line_and_key_and_not_quoted() {
    let path = Path::new("/srv/shop/.env.production");
    for (text, expected) in [
        ("A=1\n\nPOSTGRES_PASSWORD=pa ss secret\n", ":3: POSTGRES_PASSWORD can't be read"),
        ("A=1\nPOSTGRES_PASSWORD='secret\nB=2", ":2: POSTGRES_PASSWORD can't be read"),
        ("# one\nsecret\n", ":2: it sets nothing"),
    ] {
        let Err(error) = Dotenv::parse(path, text) else { panic!("{text}") };
        let error = error.to_string();
        assert!(error.starts_with(&format!("/srv/shop/.env.production{expected}")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let file = "\nDATABASE_URL=postgres://ann:se/cret@db/shop\n";
    let error = found(&DeploymentFlags::default(), "", &[], Some(file)).unwrap_err().to_string();
    assert!(error.starts_with("DATABASE_URL in /srv/shop/.env.production:2: "), "{error}");
    assert!(error.contains("%40") && !error.contains("cret@"), "{error}");
    let process = [("PGHOST", "db"), ("PGPORT", "x")];
    let error = found(&DeploymentFlags::default(), "", &process, None).unwrap_err().to_string();
    assert!(error.starts_with("PGPORT in the environment: "), "{error}");
}

#[test]
fn what_is_doubtful_is_a_warning() {
    let file = "POSTGRES_PASSWORD=pa$ss\nA='$b'\nPGHOST=a\nPGHOST=b\nPGPASSFILE=x\n\
                DATABASE_URL=postgres://f@f/d\n";
    let process = [("DATABASE_URL", "postgres://p@p/d")];
    let deployment = found(&DeploymentFlags::default(), "", &process, Some(file)).unwrap();
    let warnings = deployment.warnings.join("\n");
    assert_eq!(deployment.warnings.len(), 4, "{warnings}");
    for expected in [
        "POSTGRES_PASSWORD in /srv/shop/.env.production:1: `$`",
        "PGHOST in /srv/shop/.env.production:4 stands in line 3 as well",
        "PGPASSFILE in /srv/shop/.env.production:5 is not read",
        "DATABASE_URL in the environment is taken and not DATABASE_URL in",
    ] {
        assert!(warnings.contains(expected), "{warnings}");
    }
}

#[test]
fn a_file_that_others_may_read_is_a_warning_if_it_holds_a_password() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env.production");
    assert!(Dotenv::read(&path).unwrap().is_none());
    for (text, mode, expected) in [
        ("DATABASE_URL=postgres://ann:secret@db/d", 0o640, 1),
        ("POSTGRES_PASSWORD=secret", 0o604, 1),
        ("POSTGRES_PASSWORD=secret", 0o600, 0),
        ("BACKUP_DIR=x", 0o644, 0),
    ] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let dotenv = Dotenv::read(&path).unwrap().unwrap();
        assert_eq!(dotenv.warnings().len(), expected, "{text} {mode:o}");
        assert!(!format!("{dotenv:?} {:?}", dotenv.warnings()).contains("secret"));
    }
}

#[test]
fn nothing_shows_a_secret() {
    let file = "DATABASE_URL=postgres://ann:hunter22@db/d\nJWT_SECRET=hunter33\nPLAIN=x\n";
    let deployment =
        found(&DeploymentFlags::default(), "", &[("STAIRWAY_WEBHOOK_SECRET", "h44")], Some(file))
            .unwrap();
    let shown = format!("{deployment:?}");
    assert!(!shown.contains("hunter") && !shown.contains("h44"), "{shown}");
    let secrets = deployment.secrets();
    let texts: Vec<&str> = secrets.iter().map(crate::secret::Secret::expose).collect();
    for secret in ["hunter22", "hunter33", "h44"] {
        assert!(texts.contains(&secret), "{secret}");
    }
    for toml in ["[[alert]]\nkind = 'slack'\nurrl = 'https://h/TOKEN'", "secret = 'TOKEN'"] {
        let error = Config::parse(toml).unwrap_err().to_string();
        assert!(!error.contains("TOKEN") && error.contains("unknown field"), "{error}");
    }
}

fn notice(event: &str, severity: Weight) -> Notice {
    Notice {
        run: "r".to_owned(),
        event: event.to_owned(),
        state: "BEFORE".to_owned(),
        severity,
        service: "shop".to_owned(),
        status: "failed".to_owned(),
        revision: None,
        environment: "production".to_owned(),
        duration_seconds: 1.0,
        summary: String::new(),
        exit: 20,
        report_sha256: None,
        at: "2025-01-01T00:00:00Z".to_owned(),
    }
}

#[test]
fn channels_are_written_down_or_in_the_environment() {
    let toml = "[[alert]]\nkind = 'webhook'\nurl = 'https://ops.example/hook?token=T'\n\
                secret-env = 'HOOK'\non = ['failed', 'upgrade.unknown']\nbudget = 4\n\
                [[alert]]\nkind = 'slack'\nname = 'people'\nurl-env = 'SLACK'\n\
                severity = 'warning'\n";
    let process = [
        ("HOOK", "sesame"),
        ("SLACK", "https://hooks.slack.com/services/T0/B0/tokentokentoken"),
        ("STAIRWAY_WEBHOOK_URL", "http://127.0.0.1:8080/x"),
        ("STAIRWAY_HEALTHCHECKS_URL", "https://hc-ping.com/uuid"),
    ];
    let config = Config::parse(toml).unwrap();
    let channels = config.alerts(&Variables::new(map(&process), None)).unwrap();
    let shown: Vec<String> = channels.iter().map(ToString::to_string).collect();
    let expected = [
        "webhook at https://ops.example",
        "people at https://hooks.slack.com",
        "webhook-2 at http://127.0.0.1:8080",
        "healthchecks at https://hc-ping.com",
    ];
    assert_eq!(shown, expected);
    assert!(!format!("{channels:?} {config:?}").contains("token"));
    let wants = |at: usize, event, severity| {
        let channel: &crate::alert::Channel = &channels[at];
        channel.wants(&notice(event, severity))
    };
    assert!(wants(0, "upgrade.failed", Weight::Info));
    assert!(!wants(0, "downgrade.unknown", Weight::Critical));
    assert!(wants(1, "upgrade.failed", Weight::Warning));
    assert!(!wants(1, "upgrade.succeeded", Weight::Info));
    assert!(wants(3, "upgrade.started", Weight::Info));
    assert!(!wants(2, "upgrade.started", Weight::Info));
}

#[test]
fn a_channel_that_can_t_be_used_is_an_error() {
    for (entry, expected) in [
        ("kind = 'slack'", "[[alert]] slack: it needs one of url and url-env"),
        ("kind = 'slack'\nurl-env = 'NOPE'", "[[alert]] slack: NOPE is not set"),
        ("kind = 'slack'\nurl = 'ftp://x'", "the address of slack must begin with http"),
        ("kind = 'slack'\nurl = 'TOKEN'", "the address of slack is no URL"),
        ("kind = 'slack'\nurl = 'https://x'\nform = true", "are for a webhook"),
        ("kind = 'slack'\nurl = 'https://x'\nname = '../x'", "can't be called `../x`"),
        ("kind = 'slack'\nurl = 'https://x'\nbudget = 0", "budget is from 1"),
    ] {
        let config = Config::parse(&format!("[[alert]]\n{entry}\n")).unwrap();
        let error = config.alerts(&Variables::default()).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("TOKEN"), "{error}");
    }
    assert_eq!(Duration::from_secs(30), crate::alert::Limits::default().budget);
}

#[test]
fn an_environment_by_name_goes_by_its_file() {
    let named = DeploymentFlags { environment: Some("staging".to_owned()), ..Default::default() };
    let process = [("DATABASE_URL", "postgres://p:hidden@p/d")];
    for file in ["DATABASE_URL=postgres://f:word@f/d\n", "PGHOST=f\nPGUSER=f\nPGDATABASE=d\n"] {
        let error = found(&named, "", &process, Some(file)).unwrap_err().to_string();
        for expected in ["at f:5432 as f", "at p:5432 as p", "--env staging", "unset DATABASE_URL"]
        {
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
        assert!(!error.contains("hidden") && !error.contains("word"), "{error}");
        let flag =
            DeploymentFlags { database_url: Some("postgres://x@x/d".to_owned()), ..named.clone() };
        assert!(found(&flag, "", &process, Some(file)).is_ok());
        assert!(found(&DeploymentFlags::default(), "", &process, Some(file)).is_ok());
    }
    let same = "DATABASE_URL=postgres://p:other@p/d\n";
    assert!(found(&named, "", &process, Some(same)).is_ok());
    assert!(found(&named, "", &process, Some("BACKUP_DIR=x\n")).is_ok());
}
