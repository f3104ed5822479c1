//! What server is asked for.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::ServerError;
use crate::env;
use crate::postgres::Target;

/// Which server a run wants.
#[derive(Clone, Debug, Default)]
pub struct ServerSpec {
    /// Where it comes from.
    pub choice: Choice,
    /// The wanted major version; the newest that is found if none is named.
    pub major: Option<u32>,
    /// How it is set up.
    pub profile: Profile,
    /// For [`Choice::Command`]: a shell command that makes a server and prints its URL last.
    pub create: Option<String>,
    /// For [`Choice::Command`]: a shell command that destroys it, told by `STAIRWAY_SERVER_URL`.
    pub destroy: Option<String>,
    /// How many bytes the data will take, if that is known: memory with less room is not used.
    pub room: u64,
    /// What the databases are for: said in the comment of those on a server that is not ours.
    pub purpose: Option<String>,
    /// Whether the server is to reach no network, run nothing by itself and load no library of its
    /// own, where that can be had: see [`Server::is_cut_off`](super::Server::is_cut_off).
    pub cut_off: bool,
}

impl ServerSpec {
    /// What the environment asks for; `STAIRWAY_SERVER` and the variables beside it.
    pub fn from_env() -> Result<Self, ServerError> {
        let choice = env::SERVER.get().map_or(Ok(Choice::Auto), |value| value.parse())?;
        let major = env::POSTGRES.get().map(|value| major(&value)).transpose()?;
        Ok(Self {
            choice,
            major,
            profile: Profile::Fast,
            create: env::SERVER_CREATE.get(),
            destroy: env::SERVER_DESTROY.get(),
            ..Self::default()
        })
    }

    /// Why what is taken is taken.
    pub(super) fn why(&self) -> &'static str {
        match (&self.choice, self.major) {
            (Choice::Auto | Choice::Local | Choice::Container, None) => {
                "the newest, since no major is named"
            }
            (Choice::Auto, Some(_)) => "the first of the wanted major",
            _ => "as asked for",
        }
    }

    /// Fails for a major version that is too old.
    pub(super) fn checked(&self) -> Result<(), ServerError> {
        match self.major {
            Some(major) if major < OLDEST => Err(ServerError::TooOld(major)),
            _ => Ok(()),
        }
    }
}

/// The oldest and the newest major version that this release was made for.
pub(super) const OLDEST: u32 = 14;
pub(super) const NEWEST: u32 = 18;
/// The major versions of `PostgreSQL` that Stairway is made for.
pub const SUPPORTED: RangeInclusive<u32> = OLDEST..=NEWEST;

fn major(value: &str) -> Result<u32, ServerError> {
    value.trim().parse().map_err(|_| ServerError::Spec {
        name: env::POSTGRES.name,
        value: value.to_owned(),
        reason: "it must be a major version such as 15".to_owned(),
    })
}

/// Where a server comes from.
#[derive(Clone, Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "there is one of these in a run")]
pub enum Choice {
    /// Installed binaries, else a container.
    #[default]
    Auto,
    /// Installed binaries.
    Local,
    /// A container.
    Container,
    /// The commands of [`ServerSpec::create`] and [`ServerSpec::destroy`].
    Command,
    /// A server that runs already, as a role that may create databases.
    Existing(Target),
}

impl FromStr for Choice {
    type Err = ServerError;

    fn from_str(value: &str) -> Result<Self, ServerError> {
        match value {
            "auto" => Ok(Self::Auto),
            "local" => Ok(Self::Local),
            "container" => Ok(Self::Container),
            "command" => Ok(Self::Command),
            _ if value.contains("://") => {
                Target::parse(value).map(Self::Existing).map_err(|error| {
                    let scheme = value.split("://").next().unwrap_or_default();
                    ServerError::Spec {
                        name: env::SERVER.name,
                        value: format!("{scheme}://.."),
                        reason: error.to_string(),
                    }
                })
            }
            _ => Err(ServerError::Spec {
                name: env::SERVER.name,
                value: value.to_owned(),
                reason: "it must be auto, local, container, command or postgres://..".to_owned(),
            }),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Local => out.write_str("local"),
            Self::Container => out.write_str("container"),
            Self::Command => out.write_str("command"),
            Self::Existing(target) => target.fmt(out),
        }
    }
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Nothing survives a crash, nothing runs in the background: for verification.
    #[default]
    Fast,
    /// The server's defaults, on disk: for everything whose time is reported.
    Faithful,
}

/// What kind of server was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Installed binaries.
    Local,
    /// A container.
    Container,
    /// A server that ran already.
    Existing,
    /// The user's commands.
    Command,
}

impl Backend {
    /// The word for it in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Container => "container",
            Self::Existing => "existing",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
