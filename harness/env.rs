//! Every environment variable that Stairway reads, each a documented constant.
//!
//! Knows names and meanings. Must not know who asks: flags win over variables, variables over
//! `stairway.toml`.

/// A variable and what it does, for `--help` and the README.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// One line on what it does.
    pub meaning: &'static str,
}

impl Variable {
    /// The value, unless it is unset, empty or not UTF-8.
    pub fn get(&self) -> Option<String> {
        std::env::var(self.name).ok().filter(|value| !value.is_empty())
    }

    /// Whether it is set to `1`, `true` or `yes`.
    pub fn is_on(&self) -> bool {
        self.get().is_some_and(|value| matches!(value.as_str(), "1" | "true" | "yes"))
    }
}

/// Which server to use: `auto`, `local`, `container`, `command` or a URL.
pub const SERVER: Variable =
    Variable { name: "STAIRWAY_SERVER", meaning: "auto, local, container, command or a URL" };
/// The wanted major version, for example `15`.
pub const POSTGRES: Variable =
    Variable { name: "STAIRWAY_POSTGRES", meaning: "the wanted PostgreSQL major version" };
/// A folder with `postgres` and `initdb`, looked at before any other place.
pub const POSTGRES_BIN: Variable =
    Variable { name: "STAIRWAY_POSTGRES_BIN", meaning: "folder with postgres and initdb" };
/// The image for `container`; the default is `postgres:<major>`.
pub const IMAGE: Variable =
    Variable { name: "STAIRWAY_IMAGE", meaning: "image for the container backend" };
/// The command that makes a server and prints its URL, for `command`.
pub const SERVER_CREATE: Variable = Variable {
    name: "STAIRWAY_SERVER_CREATE",
    meaning: "command that makes a server and prints its URL",
};
/// The command that destroys it; it gets the URL in `STAIRWAY_SERVER_URL`.
pub const SERVER_DESTROY: Variable = Variable {
    name: "STAIRWAY_SERVER_DESTROY",
    meaning: "command that destroys the server of STAIRWAY_SERVER_CREATE",
};
/// What `STAIRWAY_SERVER_DESTROY` is told: the URL that the create command printed.
pub const SERVER_URL: Variable =
    Variable { name: "STAIRWAY_SERVER_URL", meaning: "told to the destroy command: the URL" };
/// The folder of migrations.
pub const MIGRATIONS: Variable =
    Variable { name: "STAIRWAY_MIGRATIONS", meaning: "the folder of migrations" };
/// Where data directories and verdicts are kept between runs.
pub const CACHE: Variable =
    Variable { name: "STAIRWAY_CACHE", meaning: "folder for what is kept between runs" };
/// Whether every run climbs everything anew and keeps nothing.
pub const NO_CACHE: Variable = Variable {
    name: "STAIRWAY_NO_CACHE",
    meaning: "1: climb everything anew and keep nothing for the next run",
};
/// Where running servers keep their sockets, data and leases.
pub const RUNTIME: Variable =
    Variable { name: "STAIRWAY_RUNTIME", meaning: "folder for running servers" };
/// The database that `current`, `snapshot` and other verbs look at.
pub const DATABASE_URL: Variable =
    Variable { name: "DATABASE_URL", meaning: "the database to look at" };
/// Where backups are kept; the default is `backups/migrations` in the deployment's folder.
pub const BACKUP_DIR: Variable = Variable {
    name: "BACKUP_DIR",
    meaning: "folder of backups [default: backups/migrations in DEPLOYMENT_DIR]",
};
/// The folder that backups and logs of a deployment are in; the default is the current one.
pub const DEPLOYMENT_DIR: Variable =
    Variable { name: "DEPLOYMENT_DIR", meaning: "folder of a deployment's files [default: .]" };
/// Where the Docker engine answers, as the `docker` program reads it.
pub const DOCKER_HOST: Variable =
    Variable { name: "DOCKER_HOST", meaning: "where the Docker engine answers" };
/// Set by `cargo nextest`: the same for all processes of one run.
pub const NEXTEST_RUN_ID: Variable = Variable {
    name: "NEXTEST_RUN_ID",
    meaning: "set by cargo nextest: processes with the same one share a server",
};
/// The part of a history that this machine judges.
pub const SHARD: Variable =
    Variable { name: "STAIRWAY_SHARD", meaning: "K/N: judge one of N equal parts" };
/// What the rows that migrations are tried on are drawn by.
pub const SEED: Variable = Variable {
    name: "STAIRWAY_SEED",
    meaning: "a number: the same one gives the same rows on every machine",
};
/// Whether a failing test leaves its database and its server.
pub const KEEP: Variable = Variable {
    name: "STAIRWAY_KEEP",
    meaning: "1: a failing test keeps its database and prints its URL",
};
/// In tests: a machine without a Docker engine fails instead of skipping.
pub const REQUIRE_CONTAINER: Variable = Variable {
    name: "STAIRWAY_REQUIRE_CONTAINER",
    meaning: "in tests: fail where no Docker engine answers",
};

/// In tests: majors, separated by commas, that must be there instead of being skipped.
pub const REQUIRE_MAJORS: Variable = Variable {
    name: "STAIRWAY_REQUIRE_MAJORS",
    meaning: "in tests: fail where a local server of these majors is missing",
};

/// All of them, in the order of the README's table.
pub const ALL: &[Variable] = &[
    SERVER,
    POSTGRES,
    POSTGRES_BIN,
    IMAGE,
    SERVER_CREATE,
    SERVER_DESTROY,
    SERVER_URL,
    MIGRATIONS,
    CACHE,
    NO_CACHE,
    RUNTIME,
    DATABASE_URL,
    BACKUP_DIR,
    DEPLOYMENT_DIR,
    DOCKER_HOST,
    KEEP,
    SHARD,
    SEED,
    NEXTEST_RUN_ID,
    REQUIRE_CONTAINER,
    REQUIRE_MAJORS,
];

/// The system's own: where programs are looked for.
pub const PATH: Variable = Variable { name: "PATH", meaning: "where programs are looked for" };
/// The system's own: the user's folder.
pub const HOME: Variable = Variable { name: "HOME", meaning: "the user's folder" };
/// The system's own: the folder for temporary files.
pub const TMPDIR: Variable = Variable { name: "TMPDIR", meaning: "folder for temporary files" };
/// The system's own: the user's folder for caches.
pub const XDG_CACHE_HOME: Variable =
    Variable { name: "XDG_CACHE_HOME", meaning: "the user's folder for caches" };
/// The system's own: where the loader looks for libraries; servers and their tools inherit it.
pub const LD_LIBRARY_PATH: Variable =
    Variable { name: "LD_LIBRARY_PATH", meaning: "where the loader looks for libraries" };
