//! What can be had here: every place that was looked at, and which one would be taken.

use std::path::{Path, PathBuf};

use super::account::Account;
#[cfg(feature = "container")]
use super::container::{self, Engine, Image};
use super::install::{self, Installation, Looking};
use super::{Backend, Choice, NoServer, ServerError, ServerSpec, command, place};
use crate::env;
use crate::postgres::{Target, Version};

/// What a look around found, for `stairway doctor`.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What was asked for, as [`Choice`] prints it.
    pub choice: String,
    /// The wanted major version, if one was named.
    pub wanted: Option<u32>,
    /// The user that servers would run as.
    pub account: String,
    /// Where initialised data directories are kept.
    pub cache: String,
    /// Every place, in the order in which they are tried.
    pub places: Vec<Looked>,
    /// What would be taken; the error text if nothing can be.
    pub taken: Result<Taken, String>,
}

/// One place and what is there.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The place, for example `pg_config` or `container`.
    pub place: String,
    /// What was found.
    pub found: Vec<Found>,
    /// What else is to be said, for example why nothing was found.
    pub note: Option<String>,
}

/// Something that a server could be made from.
#[derive(Clone, Debug)]
pub struct Found {
    /// A folder, an image or an address.
    pub path: String,
    /// Its version, if that could be had.
    pub version: Option<Version>,
    /// Why it can't be used, if it can't.
    pub usable: Result<(), String>,
}

/// What would be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The kind of server.
    pub backend: Backend,
    /// From where: a folder, an image, an address or a command.
    pub from: String,
    /// Why this one.
    pub why: String,
}

/// Looks in every place, whatever was asked for, and says what would be taken. Starts nothing.
pub async fn survey(spec: &ServerSpec) -> Survey {
    let ground = Ground::find();
    let looked = match &ground {
        Ok(ground) => look_around(spec, ground, true).await,
        Err(_) => Around::default(),
    };
    let taken = match &ground {
        Ok(_) => decide(spec, &looked).map(|way| way.describe(spec)),
        Err(error) => Err(ServerError::Spec {
            name: "this machine",
            value: String::new(),
            reason: error.to_string(),
        }),
    };
    let ground = ground.ok();
    Survey {
        choice: spec.choice.to_string(),
        wanted: spec.major,
        account: ground.as_ref().map(|it| it.account.name.clone()).unwrap_or_default(),
        cache: ground.map(|it| it.cache.display().to_string()).unwrap_or_default(),
        taken: taken.map_err(|error| error.to_string()),
        places: looked.into_places(),
    }
}

/// What every server of ours stands on.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) account: Account,
    pub(super) cache: PathBuf,
    pub(super) runtime: PathBuf,
    /// How many bytes the data will take.
    pub(super) room: u64,
    /// Whether servers are to be cut off from the network.
    pub(super) cut_off: bool,
}

impl Ground {
    pub(super) fn find() -> Result<Self, ServerError> {
        let account = Account::of_servers()?;
        let cache = place::cache(&account)?;
        let runtime = place::runtime(&account)?;
        Ok(Self { account, cache, runtime, room: 0, cut_off: false })
    }
}

/// The way that was chosen.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Local(Installation),
    #[cfg(feature = "container")]
    Container(Engine, Image),
    Existing(Box<Target>),
    Command(String),
}

impl Way {
    fn describe(&self, spec: &ServerSpec) -> Taken {
        let (backend, from) = match self {
            Self::Local(it) => (Backend::Local, it.bin.display().to_string()),
            #[cfg(feature = "container")]
            Self::Container(_, image) => (Backend::Container, image.reference()),
            Self::Existing(target) => (Backend::Existing, target.to_string()),
            Self::Command(create) => (Backend::Command, create.clone()),
        };
        Taken { backend, from, why: spec.why().to_owned() }
    }
}

/// What was found; what was not looked at is `None`.
#[derive(Debug, Default)]
pub(super) struct Around {
    local: Option<Looking>,
    container: Option<Contained>,
}

/// What the Docker engine has, or why there is none.
#[derive(Debug)]
struct Contained {
    looked: Looked,
    #[cfg(feature = "container")]
    image: Result<(Engine, Image), String>,
    #[cfg(not(feature = "container"))]
    image: Result<std::convert::Infallible, String>,
}

impl Around {
    fn into_places(self) -> Vec<Looked> {
        let local = self.local.map(|it| it.places).unwrap_or_default();
        local.into_iter().chain(self.container.map(|it| it.looked)).collect()
    }
}

/// Looks where the choice needs it, or everywhere.
pub(super) async fn look_around(spec: &ServerSpec, ground: &Ground, everywhere: bool) -> Around {
    let mut around = Around::default();
    let automatic = matches!(spec.choice, Choice::Auto);
    if everywhere || automatic || matches!(spec.choice, Choice::Local) {
        let (wanted, ground) = (spec.major, ground.clone());
        let look = move || install::look(wanted, &ground.account, &ground.cache);
        around.local = tokio::task::spawn_blocking(look).await.ok();
    }
    let is_had = around.local.as_ref().is_some_and(|looking| looking.best(spec.major).is_some());
    if everywhere || (automatic && !is_had) || matches!(spec.choice, Choice::Container) {
        around.container = Some(contained(spec.major).await);
    }
    around
}

#[cfg(feature = "container")]
async fn contained(wanted: Option<u32>) -> Contained {
    let place = format!("container ({})", container::address());
    let engine = match Engine::find().await {
        Ok(engine) => engine,
        Err(reason) => {
            let looked = Looked { place, found: Vec::new(), note: Some(reason.clone()) };
            return Contained { looked, image: Err(reason) };
        }
    };
    let mut found: Vec<Found> = Vec::new();
    for major in &engine.majors {
        // Which minor version is in it only the server can say.
        let path = format!("postgres:{major}");
        found.push(Found { path, version: None, usable: Ok(()) });
    }
    let image = engine.image(wanted).await;
    let version = format!("Docker engine {}", engine.version);
    let note = image.as_ref().err().cloned().unwrap_or(version);
    let looked = Looked { place, found, note: Some(note) };
    Contained { looked, image: image.map(|image| (engine, image)) }
}

#[cfg(not(feature = "container"))]
fn contained(_: Option<u32>) -> std::future::Ready<Contained> {
    let reason = "this build has no containers (feature `container`)".to_owned();
    let note = Some(reason.clone());
    let looked = Looked { place: "container".to_owned(), found: Vec::new(), note };
    std::future::ready(Contained { looked, image: Err(reason) })
}

/// The first way that the choice allows and that can be had.
pub(super) fn decide(spec: &ServerSpec, around: &Around) -> Result<Way, ServerError> {
    spec.checked()?;
    let mut tried = Vec::new();
    let (mut local, mut container) = (true, true);
    match &spec.choice {
        Choice::Existing(target) => return Ok(Way::Existing(Box::new(target.clone()))),
        Choice::Command => {
            return command::given(spec.create.as_deref()).map(|it| Way::Command(it.to_owned()));
        }
        Choice::Local => container = false,
        Choice::Container => local = false,
        Choice::Auto => {
            let value = match env::SERVER.get().as_deref() {
                None => "not set",
                Some("auto") => "auto",
                Some(_) => "set, but auto was asked for",
            };
            tried.push((env::SERVER.name.to_owned(), value.to_owned()));
        }
    }
    if let Some(looking) = around.local.as_ref().filter(|_| local) {
        match looking.best(spec.major) {
            Some(installation) => return Ok(Way::Local(installation.clone())),
            None => tried.push(("local binaries".to_owned(), looking.why_not(spec.major))),
        }
    }
    if let Some(contained) = around.container.as_ref().filter(|_| container) {
        match &contained.image {
            #[cfg(feature = "container")]
            Ok((engine, image)) => return Ok(Way::Container(engine.clone(), image.clone())),
            #[cfg(not(feature = "container"))]
            Ok(never) => match *never {},
            Err(reason) => tried.push(("container".to_owned(), reason.clone())),
        }
    }
    Err(NoServer { wanted: spec.major, tried }.into())
}

/// The folder of client programs for a server of this major.
pub(super) fn programs(major: u32, beside: Option<&Path>) -> Option<PathBuf> {
    let account = Account::of_servers().ok()?;
    let cache = place::cache(&account).ok()?;
    install::programs(major, beside, &cache)
}
