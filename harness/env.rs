//! Every environment variable that Stairway reads, each a documented constant.
//!
//! Knows names and meanings. Must not know who asks: flags win over variables, variables over
//! `stairway.toml`.

use std::collections::BTreeMap;

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

    /// Whether only tests of Stairway itself read it.
    pub fn is_of_tests(&self) -> bool {
        self.meaning.starts_with("in test")
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
/// What the command that fetches a backup is told: the folder that it is to put it into.
pub const FETCH_TO: Variable = Variable {
    name: "STAIRWAY_FETCH_TO",
    meaning: "told to the command that fetches a backup: the folder for it",
};
/// The private key that signs attestations.
pub const GATE_KEY: Variable = Variable {
    name: "STAIRWAY_GATE_KEY",
    meaning: "file of the private key that signs attestations",
};
/// The attestation of the release that is applied.
pub const ATTESTATION: Variable =
    Variable { name: "STAIRWAY_ATTESTATION", meaning: "file of the attestation of a gate" };
/// The public key without whose attestation nothing is applied.
pub const ATTESTATION_KEY: Variable = Variable {
    name: "STAIRWAY_ATTESTATION_KEY",
    meaning: "file of the public key whose attestation upgrade demands",
};
/// The folder of migrations.
pub const MIGRATIONS: Variable =
    Variable { name: "STAIRWAY_MIGRATIONS", meaning: "the folder of migrations" };
/// The Python that runs an environment of Alembic's.
pub const PYTHON: Variable =
    Variable { name: "STAIRWAY_PYTHON", meaning: "the Python that runs Alembic's revisions" };
/// The virtual environment that is active: set by its `activate`.
pub const VIRTUAL_ENV: Variable =
    Variable { name: "VIRTUAL_ENV", meaning: "the active virtual environment of Python" };
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
/// The password of the database, where neither its URL nor `PGPASSWORD` has one.
pub const POSTGRES_PASSWORD: Variable = Variable {
    name: "POSTGRES_PASSWORD",
    meaning: "the database's password, where its URL has none",
};
/// The folder of `.env.<environment>`, backups, logs and state.
pub const DEPLOYMENT_DIR: Variable = Variable {
    name: "DEPLOYMENT_DIR",
    meaning: "the folder of .env.<environment>, logs, state and backups",
};
/// The folder of backups; the default is `backups/migrations` in the deployment's folder.
pub const BACKUP_DIR: Variable =
    Variable { name: "BACKUP_DIR", meaning: "the folder of backups, if it is another one" };
/// The folder that Prometheus's node_exporter reads text files of.
pub const METRICS: Variable = Variable {
    name: "STAIRWAY_METRICS",
    meaning: "the folder for metrics, which node_exporter reads",
};
/// Where traces go; the path `v1/traces` is added.
pub const OTEL_ENDPOINT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    meaning: "base URL of the collector of traces; without it there are none",
};
/// The same, as it is.
pub const OTEL_TRACES_ENDPOINT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    meaning: "the collector's whole URL for traces",
};
/// How traces are written down.
pub const OTEL_PROTOCOL: Variable =
    Variable { name: "OTEL_EXPORTER_OTLP_PROTOCOL", meaning: "http/protobuf or http/json" };
/// The same, for traces only.
pub const OTEL_TRACES_PROTOCOL: Variable =
    Variable { name: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", meaning: "the same, for traces only" };
/// How long a collector may take.
pub const OTEL_TIMEOUT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_TIMEOUT",
    meaning: "how long the collector may take, in milliseconds (10000)",
};
/// The same, for traces only.
pub const OTEL_TRACES_TIMEOUT: Variable =
    Variable { name: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", meaning: "the same, for traces only" };
/// What a request to the collector has besides, for example a token. OpenTelemetry's exporter reads it.
pub const OTEL_HEADERS: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    meaning: "headers for the collector, as in authorization=Bearer%20TOKEN",
};
/// Whether there are traces at all.
pub const OTEL_TRACES_EXPORTER: Variable =
    Variable { name: "OTEL_TRACES_EXPORTER", meaning: "otlp, or none for no traces" };
/// No traces at all.
pub const OTEL_SDK_DISABLED: Variable =
    Variable { name: "OTEL_SDK_DISABLED", meaning: "true for no traces" };
/// Whose traces they are.
pub const OTEL_SERVICE_NAME: Variable =
    Variable { name: "OTEL_SERVICE_NAME", meaning: "the service of the traces (stairway)" };
/// The span of whoever started this process, as the W3C writes it down.
pub const TRACEPARENT: Variable = Variable {
    name: "TRACEPARENT",
    meaning: "the span that the run is a part of, as CI and schedulers hand it on",
};
/// What vendors add to it.
pub const TRACESTATE: Variable =
    Variable { name: "TRACESTATE", meaning: "what goes with TRACEPARENT" };
/// A webhook that takes notices as JSON.
pub const WEBHOOK_URL: Variable =
    Variable { name: "STAIRWAY_WEBHOOK_URL", meaning: "a webhook that is told of deployments" };
/// What requests to that webhook are signed with.
pub const WEBHOOK_SECRET: Variable = Variable {
    name: "STAIRWAY_WEBHOOK_SECRET",
    meaning: "what requests to that webhook are signed with",
};
/// An incoming webhook of Slack.
pub const SLACK_URL: Variable =
    Variable { name: "STAIRWAY_SLACK_URL", meaning: "an incoming webhook of Slack" };
/// A Prometheus Alertmanager.
pub const ALERTMANAGER_URL: Variable =
    Variable { name: "STAIRWAY_ALERTMANAGER_URL", meaning: "a Prometheus Alertmanager" };
/// A check of healthchecks.io or of what speaks like it.
pub const HEALTHCHECKS_URL: Variable = Variable {
    name: "STAIRWAY_HEALTHCHECKS_URL",
    meaning: "a check of healthchecks.io, or of what speaks like it",
};
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

/// In test builds: before (`7-`) or after (`7`) which line of its journal a run dies.
pub const ABORT_AT: Variable = Variable {
    name: "STAIRWAY_ABORT_AT",
    meaning: "in test builds: the line of its journal at which a run dies",
};

/// In tests: majors, separated by commas, that must be there instead of being skipped.
pub const REQUIRE_MAJORS: Variable = Variable {
    name: "STAIRWAY_REQUIRE_MAJORS",
    meaning: "in tests: fail where a local server of these majors is missing",
};
/// In tests: where the tools are whose version tables are kept.
pub const TOOLS: Variable = Variable {
    name: "STAIRWAY_TOOLS",
    meaning: "in tests: folders with sqlx, diesel, refinery, dbmate and alembic, parted by colons, before those of PATH",
};
/// In tests: a machine without these tools fails instead of skipping.
pub const REQUIRE_TOOLS: Variable = Variable {
    name: "STAIRWAY_REQUIRE_TOOLS",
    meaning: "in tests: fail where sqlx, diesel, refinery, dbmate or alembic is missing",
};

/// In tests: a machine without those who know the forms of jobs and manifests fails instead of skipping.
pub const REQUIRE_CHECKERS: Variable = Variable {
    name: "STAIRWAY_REQUIRE_CHECKERS",
    meaning: "in tests: fail where check-jsonschema, kubernetes-validate, pre-commit, shellcheck, jq or systemd-analyze is missing",
};

/// In tests: a machine without PgBouncer fails instead of skipping.
pub const REQUIRE_PGBOUNCER: Variable = Variable {
    name: "STAIRWAY_REQUIRE_PGBOUNCER",
    meaning: "in tests: fail where there is no pgbouncer",
};

/// In tests: a machine without Chromium fails instead of skipping.
pub const REQUIRE_CHROMIUM: Variable = Variable {
    name: "STAIRWAY_REQUIRE_CHROMIUM",
    meaning: "in tests: fail where there is no chromium",
};

/// In tests: a machine without promtool fails instead of skipping.
pub const REQUIRE_PROMTOOL: Variable = Variable {
    name: "STAIRWAY_REQUIRE_PROMTOOL",
    meaning: "in tests: fail where there is no promtool",
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
    FETCH_TO,
    GATE_KEY,
    ATTESTATION,
    ATTESTATION_KEY,
    MIGRATIONS,
    PYTHON,
    CACHE,
    NO_CACHE,
    RUNTIME,
    DATABASE_URL,
    POSTGRES_PASSWORD,
    DEPLOYMENT_DIR,
    BACKUP_DIR,
    METRICS,
    WEBHOOK_URL,
    WEBHOOK_SECRET,
    SLACK_URL,
    ALERTMANAGER_URL,
    HEALTHCHECKS_URL,
    OTEL_ENDPOINT,
    OTEL_TRACES_ENDPOINT,
    OTEL_PROTOCOL,
    OTEL_TRACES_PROTOCOL,
    OTEL_TIMEOUT,
    OTEL_TRACES_TIMEOUT,
    OTEL_HEADERS,
    OTEL_TRACES_EXPORTER,
    OTEL_SDK_DISABLED,
    OTEL_SERVICE_NAME,
    TRACEPARENT,
    TRACESTATE,
    DOCKER_HOST,
    KEEP,
    SHARD,
    SEED,
    NEXTEST_RUN_ID,
    REQUIRE_CONTAINER,
    REQUIRE_MAJORS,
    TOOLS,
    REQUIRE_TOOLS,
    REQUIRE_CHECKERS,
    REQUIRE_PGBOUNCER,
    REQUIRE_CHROMIUM,
    REQUIRE_PROMTOOL,
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
/// libpq's own: the server's address, which wins over its name.
pub const PGHOSTADDR: Variable = Variable { name: "PGHOSTADDR", meaning: "the server's address" };
/// libpq's own: the server's name, or the folder of its socket.
pub const PGHOST: Variable = Variable { name: "PGHOST", meaning: "the server's name or socket" };
/// libpq's own: the server's port.
pub const PGPORT: Variable = Variable { name: "PGPORT", meaning: "the server's port" };
/// libpq's own: the role.
pub const PGUSER: Variable = Variable { name: "PGUSER", meaning: "the role" };
/// libpq's own: the role's password.
pub const PGPASSWORD: Variable = Variable { name: "PGPASSWORD", meaning: "the role's password" };
/// libpq's own: the database.
pub const PGDATABASE: Variable = Variable { name: "PGDATABASE", meaning: "the database" };
/// libpq's own: how TLS is asked for.
pub const PGSSLMODE: Variable = Variable { name: "PGSSLMODE", meaning: "how TLS is asked for" };
/// libpq's own: the file of certificates that the server's is checked with.
pub const PGSSLROOTCERT: Variable =
    Variable { name: "PGSSLROOTCERT", meaning: "what the server's certificate is checked with" };
/// libpq's own: the client's certificate.
pub const PGSSLCERT: Variable = Variable { name: "PGSSLCERT", meaning: "the client's certificate" };
/// libpq's own: the client's key.
pub const PGSSLKEY: Variable = Variable { name: "PGSSLKEY", meaning: "the client's key" };
/// libpq's own: settings for the session.
pub const PGOPTIONS: Variable = Variable { name: "PGOPTIONS", meaning: "settings for the session" };
/// libpq's own: the file of passwords. It is read from the process's environment only.
pub const PGPASSFILE: Variable = Variable { name: "PGPASSFILE", meaning: "the file of passwords" };
/// libpq's own: the name of a service. It is not read.
pub const PGSERVICE: Variable = Variable { name: "PGSERVICE", meaning: "the name of a service" };

/// The environment of this process as it is now, without what is empty or not UTF-8.
pub fn process() -> BTreeMap<String, String> {
    let texts = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(|(_, value)| !value.is_empty()).collect()
}

/// The value of a variable that a migration's file names, also an empty one; `None` if it is unset or not
/// UTF-8.
pub fn named(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
