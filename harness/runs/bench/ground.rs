//! The two databases that are measured: as it was, and migrated.
//!
//! Both hold the same rows, in the same files but for what the migrations did: the migrated one is a
//! clone. Both are vacuumed and analysed before anything is measured.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::checks;
use crate::data::{Cell, Loader, Name, NoStrategy, Recipe, TableStrategy, Wanted};
use crate::finding::Finding;
use crate::migrations::{History, Migration, MigrationDigest, Place, compare, order, order_to};
use crate::postgres::{Session, Target};
use crate::server::{Chosen, Database, Profile, Server, ServerSpec, Template};
use crate::steps::{self, GroundError, Ledger};
use crate::workload::{Source, Workload};

use super::BenchOptions;
use super::quiet::{Quiet, quietly};
use crate::runs::{Event, RunError, Watch};

/// What the session of a migration is called.
pub(super) const MIGRATOR: &str = "migrate";
/// How many rows are made up for values of parameters.
const MADE: usize = 500;

/// A server with the two databases.
pub(super) struct Ground {
    pub(super) server: Server,
    history: History,
    /// Which migrations are measured: those from here on.
    from: usize,
    before: Database,
    after: Option<Database>,
    /// Whether rows are those of a backup.
    pub(super) has_backup: bool,
    /// What each of the pending migrations did by itself.
    pub(super) quiet: Vec<Quiet>,
    /// About the backup.
    pub(super) findings: Vec<Finding>,
}

impl Ground {
    pub(super) async fn prepare(
        options: &BenchOptions,
        watch: &mut (dyn Watch + Send),
    ) -> Result<Self, RunError> {
        let history = History::load_with(&options.folder, options.tool, &options.alembic)?;
        let layout = format!("{}, since {}", history.tool, history.because);
        watch.event(Event::Loaded { migrations: history.migrations.len(), layout: &layout });
        // Times of a server that loses its data in a crash are nobody's.
        let spec = ServerSpec { profile: Profile::Faithful, ..options.server.clone() };
        let server = Chosen::find(&spec).await?.start().await?;
        watch.event(Event::Server(server.reason()));
        let before = server.create_database(Template::Empty).await?;
        let has_backup = options.backup.is_some();
        let (quiet, findings) = (Vec::new(), Vec::new());
        let mut ground =
            Self { server, history, from: 0, before, after: None, has_backup, quiet, findings };
        match Box::pin(ground.fill(options, watch)).await {
            Ok(()) => Ok(ground),
            Err(error) => {
                // What is said is why it failed, not what came of cleaning up.
                let _ = Box::pin(ground.close()).await;
                Err(error)
            }
        }
    }

    /// On a database that holds a restored backup.
    pub(super) async fn on(
        history: History,
        server: Server,
        before: Database,
    ) -> Result<Self, RunError> {
        let (quiet, findings) = (Vec::new(), Vec::new());
        let mut ground = Self {
            server,
            history,
            from: 0,
            before,
            after: None,
            has_backup: true,
            quiet,
            findings,
        };
        let settled = async {
            ground.from = ground.applied().await?;
            Box::pin(ground.settle()).await
        };
        match settled.await {
            Ok(()) => Ok(ground),
            Err(error) => {
                let _ = Box::pin(ground.close()).await;
                Err(error)
            }
        }
    }

    async fn fill(
        &mut self,
        options: &BenchOptions,
        watch: &mut (dyn Watch + Send),
    ) -> Result<(), RunError> {
        if let Some(backup) = &options.backup {
            let restored = steps::restore(&self.server, &self.before, backup)
                .await
                .map_err(GroundError::from)?;
            self.findings = checks::restore_failed(backup, &restored);
            self.from = self.applied().await?;
            let (seconds, applied) = (restored.took.as_secs_f64(), self.from);
            watch.event(Event::Restored { seconds, applied });
        } else {
            let count = self.history.migrations.len();
            self.from = match &options.since {
                Some(word) => order_to(&mut self.history, word)?.0,
                None => count.saturating_sub(1),
            };
            crate::runs::migrate(&self.before, &self.history, Place(self.from)).await?;
            let given = self.give_rows(options).await?;
            watch.event(Event::Note(&given));
        }
        Box::pin(self.settle()).await
    }

    /// Makes the migrated one, and leaves both as a server does after hours.
    async fn settle(&mut self) -> Result<(), RunError> {
        settle(&self.before.target).await?;
        if self.has_pending() {
            let after = self.server.create_database(Template::Of(&self.before)).await?;
            let target = after.target.clone();
            self.after = Some(after);
            let mut eye = Session::connect(&target, "look").await?;
            let ledger = Ledger::ensure(&mut eye, &self.history.records).await?;
            let mut quiet = Vec::new();
            for migration in self.pending() {
                let one = quietly(self.has_backup, &target, &mut eye, &ledger, migration);
                quiet.push(Box::pin(one).await?);
            }
            eye.close().await?;
            self.quiet = quiet;
            settle(&target).await?;
        }
        Ok(())
    }

    /// How many of the history's migrations the backup has.
    async fn applied(&mut self) -> Result<usize, RunError> {
        let mut session = Session::connect(&self.before.target, "applied").await?;
        let ledger = Ledger::ensure(&mut session, &self.history.records).await?;
        let applied = ledger.read(&mut session, &self.history).await?;
        session.close().await?;
        self.findings.extend(compare(&applied, &self.history));
        order(&mut self.history, &applied, None)?;
        let places = applied.iter().filter_map(|it| self.history.position(&it.version));
        Ok(places.max().map_or(0, |last| last + 1))
    }

    /// Gives rows to all tables, and says how many.
    async fn give_rows(&self, options: &BenchOptions) -> Result<String, RunError> {
        let mut session = Session::connect(&self.before.target, "rows").await?;
        let (schema, name) = Ledger::ensure(&mut session, &self.history.records).await?.names();
        let mut loader = Loader::new(session);
        let (mut model, _) = loader.begin(&Wanted { all: true, ..Wanted::default() }).await?;
        // The tool's own table is no data.
        model.tables.retain(|table| table.name != Name::new(schema.as_str(), name.as_str()));
        let (_, seeds) = loader.look(&model, &crate::data::all_columns(&model)).await?;
        let recipe = Recipe {
            seed: options.seed,
            rows_per_table: options.rows,
            at_least: options.rows,
            ..Recipe::default()
        };
        let filled = loader.fill(&model, &seeds, "", recipe).await?;
        loader.later("COMMIT");
        let mut session = {
            loader.session().await?;
            loader.into_session()
        };
        steps::pass_rows(&mut session).await?;
        session.close().await?;
        let tables = model.tables.len();
        let unfilled = filled.unfilled.iter();
        let unfilled = unfilled.map(|it| format!("; {} has none: {}", it.table, it.why));
        let unfilled: Vec<String> = unfilled.collect();
        Ok(format!("{} rows made up for {tables} tables{}", filled.given, unfilled.concat()))
    }

    /// The migrations that are measured.
    pub(super) fn pending(&self) -> Vec<&Migration> {
        self.history.migrations.iter().skip(self.from).collect()
    }

    /// What they are.
    pub(super) fn digests(&self) -> Vec<MigrationDigest> {
        self.history.digests().into_iter().skip(self.from).collect()
    }

    pub(super) fn has_pending(&self) -> bool {
        self.from < self.history.migrations.len()
    }

    pub(super) fn before(&self) -> &Target {
        &self.before.target
    }

    /// The migrated one; where nothing is pending there is only one.
    pub(super) fn after(&self) -> &Target {
        self.after.as_ref().map_or(&self.before.target, |after| &after.target)
    }

    /// A clone of the one as it was, to which the pending migrations can be applied one by one.
    /// Nobody may be connected to it.
    pub(super) async fn walk(&self) -> Result<Walk<'_>, RunError> {
        let database = self.server.create_database(Template::Of(&self.before)).await?;
        Ok(Walk { ground: self, database })
    }

    /// A copy of the migrated database, to try something on. Nobody may be connected to that one.
    pub(super) async fn copy(&self) -> Result<Database, RunError> {
        let of = self.after.as_ref().unwrap_or(&self.before);
        Ok(self.server.create_database(Template::Of(of)).await?)
    }

    pub(super) async fn drop_copy(&self, copy: Database) -> Result<(), RunError> {
        Ok(self.server.drop_database(copy).await?)
    }

    pub(super) async fn close(self) -> Result<(), RunError> {
        if let Some(after) = self.after {
            self.server.drop_database(after).await?;
        }
        self.server.drop_database(self.before).await?;
        Ok(Box::pin(self.server.stop()).await?)
    }
}

/// A third database that is migrated step by step.
pub(super) struct Walk<'g> {
    ground: &'g Ground,
    database: Database,
}

impl Walk<'_> {
    pub(super) fn target(&self) -> &Target {
        &self.database.target
    }

    /// Applies one of the pending migrations.
    pub(super) async fn step(&self, migration: &Migration) -> Result<(), RunError> {
        let (mut session, ledger) = self.session().await?;
        self.upgrade(&mut session, &ledger, migration).await?;
        // As the migrated database was, or a rewrite is blamed on whoever comes next.
        steps::settle_rows(&mut session).await?;
        Ok(session.close().await?)
    }

    /// A session that can apply them.
    pub(super) async fn session(&self) -> Result<(Session, Ledger), RunError> {
        let records = &self.ground.history.records;
        let mut session = steps::connect(records.tool, &self.database.target, MIGRATOR).await?;
        let ledger = Ledger::ensure(&mut session, records).await?;
        Ok((session, ledger))
    }

    /// Applies one in this session.
    pub(super) async fn upgrade(
        &self,
        session: &mut Session,
        ledger: &Ledger,
        migration: &Migration,
    ) -> Result<(), RunError> {
        let target = &self.database.target;
        upgrade(self.ground.has_backup, target, session, ledger, migration).await
    }

    pub(super) async fn end(self) -> Result<(), RunError> {
        Ok(self.ground.server.drop_database(self.database).await?)
    }
}

/// Runs one upgrade; what the server says of rows of a backup is nobody's to show.
pub(super) async fn upgrade(
    has_backup: bool,
    target: &Target,
    session: &mut Session,
    ledger: &Ledger,
    migration: &Migration,
) -> Result<(), RunError> {
    let done = steps::replay(target, session, ledger, migration).await?;
    done.map_err(|source| RunError::Upgrade {
        revision: migration.revision.clone(),
        source: Box::new(if has_backup { source.discreet() } else { source }),
    })
}

/// What a server does by itself in the hours after rows came.
async fn settle(target: &Target) -> Result<(), RunError> {
    let mut session = Session::connect(target, "vacuum").await?;
    steps::settle_rows(&mut session).await?;
    Ok(session.close().await?)
}

/// Values for columns that queries want made up, or why there are none. A column may be one that only
/// the migrated database has.
pub(super) async fn made_up(
    ground: &Ground,
    workload: &Workload,
    seed: u64,
) -> Result<BTreeMap<String, Result<Vec<Cell>, String>>, RunError> {
    let sources = workload.queries.iter().flat_map(|query| &query.sources);
    let columns = sources.filter_map(|source| match source {
        Source::Generated { column, .. } => Some(column.clone()),
        _ => None,
    });
    let columns: BTreeSet<String> = columns.collect();
    let mut made = BTreeMap::new();
    for column in columns {
        let session = Session::connect(ground.before(), "values").await?;
        let mut values = column_values(session, &column, seed).await;
        if values.is_err() && ground.has_pending() {
            let session = Session::connect(ground.after(), "values").await?;
            values = column_values(session, &column, seed).await;
        }
        made.insert(column, values);
    }
    Ok(made)
}

async fn column_values(session: Session, column: &str, seed: u64) -> Result<Vec<Cell>, String> {
    let parts: Vec<&str> = column.split('.').collect();
    let [schema, table, name] = parts.as_slice() else {
        return Err(format!("{column:?} is no column of the form schema.table.column"));
    };
    let strategy = TableStrategy::read(session, &Name::new(*schema, *table)).await;
    let told = |error| match error {
        NoStrategy::Data(_) => "the database can't be read for them".to_owned(),
        other => other.to_string(),
    };
    let strategy = strategy.map_err(told)?.rows(MADE..=MADE);
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let rows = strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?.current();
    let Some(place) = rows.columns().iter().position(|other| other == name) else {
        return Err(format!("no values are made up for {column}"));
    };
    Ok(rows.rows().iter().filter_map(|row| row.get(place).cloned()).collect())
}
