//! Rows in a climb: each migration is tried on generated rows, from the state that the upgrades
//! before it give, in a transaction that leaves nothing.
//!
//! What rows are given depends on that state, the migration's text and the seed, and on nothing
//! else: a lane that begins in the middle tries the same rows.

mod blamed;
mod counterexample;
mod guards;
mod harmless;
mod head;
mod index;
mod items;
mod kept;
mod options;
mod probe;
mod prove;
mod replay;
mod seeds;
mod shown;
mod tame;
mod words;

pub(super) use head::head;
pub use kept::KeptRows;
pub(super) use kept::{File as KeptFile, Kept, keep};
pub use options::NoRowOptions;
pub(super) use tame::keeps_rows;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::probe::Refused;
use self::replay::Replayed;
use self::words::Spoken;
use crate::checks::{self, Class, Suspicion, Tested};
use crate::data::{
    DataError, Effort, Loader, Model, Name, Now, Position, Recipe, Rows, TableKind, TableRows,
    Tops, Unfilled, Wanted, beside, constraints, tops, without,
};
use crate::finding::{CheckId, Claim, ClaimKind, Finding, Severity};
use crate::migrations::Migration;
use crate::postgres::PostgresError;
use crate::runs::discreet::discreet;
use crate::schema::Snapshot;
use crate::steps::{Looks, StepFailure, Trial, Tried, Way, is_artefact};

/// How rows are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOptions {
    /// How many different sets of rows are tried on a migration.
    pub cases: u32,
    /// At most so many rows for a table.
    pub rows_per_table: usize,
    /// The same seed gives the same rows on every machine.
    pub seed: u64,
    /// How long counterexamples of one migration may be made smaller, and further cases be tried.
    pub budget: Duration,
}

impl Default for RowOptions {
    fn default() -> Self {
        let recipe = Recipe::default();
        Self {
            cases: 1,
            rows_per_table: recipe.rows_per_table,
            seed: recipe.seed,
            budget: Duration::from_secs(20),
        }
    }
}

/// What rows said about one migration.
#[derive(Clone, Debug, Default)]
pub(super) struct RowVerdict {
    pub(super) findings: Vec<Finding>,
    /// The claims about rows that something came of.
    pub(super) came_true: Vec<Claim>,
    /// How many rows were given.
    pub(super) given: usize,
    /// How many tables they were for, and how many of these stayed without.
    pub(super) tables: (usize, usize),
}

/// How often a migration is begun anew since it has to do with tables that its text does not name.
const ROUNDS: usize = 5;
/// How often what is found is set aside to look for more.
const LAYERS: usize = 4;

/// The tables of one migration with their rows, in the transaction that is open.
pub(super) struct Stage {
    pub(super) model: Model,
    pub(super) newest: u32,
    /// What the history itself put there.
    pub(super) seeds: Rows,
    /// All rows, seeds included.
    pub(super) before: Rows,
    /// Those that claims say are deleted.
    pub(super) deletable: Rows,
    pub(super) positions: Vec<Position>,
    /// Where the rows of before bring sequences.
    pub(super) tops: Tops,
    /// What the scripts speak of, by table and column.
    pub(super) known: BTreeMap<(usize, String), Vec<String>>,
    /// The tables after up and down, or after up where there is no way back.
    pub(super) after: Vec<Now>,
    unfilled: Vec<Unfilled>,
    /// The tables whose rows are those that triggers of others put there.
    pub(super) copies: Vec<Name>,
    given: usize,
}

/// Tries `migration` on rows: those of `kept` first. `before` is the schema before it.
pub(super) async fn try_rows(
    loader: &mut Loader,
    (migration, before): (&Migration, &Snapshot),
    options: &RowOptions,
    kept: Option<&KeptFile>,
    has_backup: bool,
) -> Result<RowVerdict, DataError> {
    let trial = match Trial::of(migration) {
        Ok(trial) => trial,
        Err(why) => return Ok(not_tried(migration, &why)),
    };
    let spoken = words::of(migration, before);
    let replayed = match kept {
        Some(kept) => {
            replay::replay(loader, (migration, &trial, &spoken), options, kept, has_backup).await?
        }
        None => Replayed::default(),
    };
    let begun = Instant::now();
    let mut verdict = RowVerdict::default();
    let cases = if spoken.has_to_do_with_rows { options.cases.max(1) } else { 0 };
    for case in 0..cases {
        let recipe = Recipe {
            seed: options.seed,
            case,
            rows_per_table: options.rows_per_table,
            effort: Effort::Tables,
            ..Recipe::default()
        };
        let session = Session::new(loader, (migration, &trial, &spoken), options, begun);
        let mut session = Session { has_backup, ..session };
        let found = match session.case(recipe).await {
            // Something in this schema is in the way of our own questions: that is no verdict.
            Err(DataError::Postgres(PostgresError::Sql(failure))) => {
                loader.recover();
                let not_tried = not_tried(migration, &failure.to_string());
                let findings = not_tried.findings.into_iter();
                let findings = findings.map(|it| Finding { severity: Severity::Warning, ..it });
                RowVerdict { findings: findings.collect(), ..not_tried }
            }
            other => other?,
        };
        let ends = !found.findings.is_empty() || begun.elapsed() > options.budget;
        verdict.add(found);
        if ends {
            break;
        }
    }
    // Nothing may stay open: it would hold its locks.
    loader.session().await?;
    replayed.join(&mut verdict);
    if has_backup {
        verdict.findings = verdict.findings.into_iter().map(discreet).collect();
    }
    Ok(verdict)
}

fn not_tried(migration: &Migration, why: &str) -> RowVerdict {
    let finding = Finding::new(CheckId::SeedCoverage, format!("no rows were tried: {why}"))
        .in_file(&migration.upgrade.path);
    // Nothing is wrong with it, and nobody can do anything about it.
    let finding = Finding { severity: Severity::Note, ..finding };
    // Nothing can be said against its claims either.
    let claims = migration.claims.iter().filter(|claim| claim.is_about_rows());
    let came_true = claims.cloned().collect();
    RowVerdict { findings: vec![finding], came_true, ..RowVerdict::default() }
}

impl RowVerdict {
    fn add(&mut self, other: Self) {
        for finding in other.findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        for claim in other.came_true {
            if !self.came_true.contains(&claim) {
                self.came_true.push(claim);
            }
        }
        self.given += other.given;
        self.tables = self.tables.max(other.tables);
    }
}

/// One migration being tried.
pub(super) struct Session<'a> {
    pub(super) loader: &'a mut Loader,
    pub(super) migration: &'a Migration,
    pub(super) trial: &'a Trial,
    pub(super) spoken: &'a Spoken,
    pub(super) options: &'a RowOptions,
    pub(super) begun: Instant,
    /// Whether rows are those of a person, given as they are written.
    pub(super) is_kept: bool,
    /// Whether triggers fire when rows are given once more.
    pub(super) through: bool,
    /// Whether rows may be those of a backup.
    pub(super) has_backup: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        loader: &'a mut Loader,
        (migration, trial, spoken): (&'a Migration, &'a Trial, &'a Spoken),
        options: &'a RowOptions,
        begun: Instant,
    ) -> Self {
        Self {
            loader,
            migration,
            trial,
            spoken,
            options,
            begun,
            is_kept: false,
            through: false,
            has_backup: false,
        }
    }

    async fn case(&mut self, recipe: Recipe) -> Result<RowVerdict, DataError> {
        let mut wanted = Wanted { words: self.spoken.words.clone(), ..Wanted::default() };
        for _ in 0..ROUNDS {
            let Some(mut stage) = self.set(&wanted, recipe).await? else {
                return Ok(RowVerdict::default());
            };
            if !stage.unfilled.is_empty() && !std::mem::replace(&mut wanted.deep, true) {
                // What NULL does not stand for may be in the tables that were left out.
                self.loader.end(&stage.positions);
                continue;
            }
            let (tried, refused) = self.try_all(&stage).await?;
            let unknown = self.unknown(&tried, &wanted).await?;
            if !unknown.is_empty() {
                wanted.oids.extend(unknown);
                continue;
            }
            stage.after.clone_from(&tried.tables);
            let verdict = self.judge(&mut stage, tried, &refused).await?;
            self.loader.restore(&stage.positions).await?;
            return Ok(verdict);
        }
        let why = "it goes on to touch tables that it does not name";
        Ok(not_tried(self.migration, why))
    }

    /// Begins a transaction and gives rows; `None` if there are no tables to give any to.
    async fn set(&mut self, wanted: &Wanted, recipe: Recipe) -> Result<Option<Stage>, DataError> {
        let (model, newest) = self.loader.begin(wanted).await?;
        let is_named = model.tables.iter().any(|table| table.is_named);
        if !is_named && !self.spoken.is_dynamic {
            self.loader.end(&[]);
            return Ok(None);
        }
        let (positions, seeds) = self.loader.look(&model, &head::holding(&model)).await?;
        self.loader.align(&positions, &tops(&model, &seeds));
        let filled = self.loader.fill(&model, &seeds, &self.spoken.text, recipe).await?;
        let before = self.loader.rows(&beside(&model, &seeds, &filled.beside)).await?;
        let deletable = self.deletable(&model, &before).await?;
        let tops = tops(&model, &before);
        let known = constraints::of_script(&self.spoken.text, &model.tables, &model.types);
        Ok(Some(Stage {
            tops,
            known,
            model,
            newest,
            seeds,
            before,
            deletable,
            positions,
            after: Vec::new(),
            unfilled: filled.unfilled,
            copies: filled.copies,
            given: filled.given,
        }))
    }

    /// The rows that claims say are deleted, by the claims' own predicates.
    pub(super) async fn deletable(
        &mut self,
        model: &Model,
        before: &Rows,
    ) -> Result<Rows, DataError> {
        let mut rows = Rows::default();
        for claim in &self.migration.claims {
            let ClaimKind::Deletes(predicate) = &claim.kind else { continue };
            for table in beside(model, before, before) {
                if checks::claimed_table(&claim.object, &table.name) {
                    let found = self.loader.rows_where(&table, predicate.as_deref()).await?;
                    rows.0.insert(table.name, found);
                }
            }
        }
        Ok(rows)
    }

    /// How far the scripts are run, and what is read on the way.
    fn looks(&self) -> Looks {
        let claims = self.migration.claims.iter().any(Claim::is_about_rows);
        Looks {
            at_upgraded: claims || !self.trial.goes_back(),
            at_sequences: self.spoken.may_move_sequences,
            at_tables: self.spoken.makes_guards,
            ..Looks::until(Way::Again)
        }
    }

    pub(super) async fn run(
        &mut self,
        stage: &Stage,
        before: &Rows,
        looks: Looks,
    ) -> Result<Tried, DataError> {
        self.trial.run(self.loader, &stage.model, stage.newest, before, looks).await
    }

    /// The tables that the scripts had to do with and nobody asked for.
    async fn unknown(&mut self, tried: &Tried, wanted: &Wanted) -> Result<Vec<u32>, DataError> {
        let unknown: Vec<u32> = tried.strangers.difference(&wanted.oids).copied().collect();
        if unknown.is_empty() {
            return Ok(unknown);
        }
        // Indexes and TOAST tables of tables that are known go when these are rewritten.
        self.loader.tables_among(&unknown).await
    }

    /// Tries the rows of the stage, which are there, asks on the way whether the upgraded tables take
    /// others, and ends the transaction.
    async fn try_all(&mut self, stage: &Stage) -> Result<(Tried, Refused), DataError> {
        let (model, newest, looks) = (&stage.model, stage.newest, self.looks());
        let tried = self.trial.run_up(self.loader, model, newest, &stage.before, looks).await?;
        let asks = self.spoken.may_refuse && tried.failed.is_none();
        let refused =
            if asks { self.probe(stage, &tried.tables).await? } else { Refused::default() };
        let back = self.trial.run_back(self.loader, model, newest, &stage.before, looks, tried);
        let tried = back.await?;
        self.loader.end(&stage.positions);
        if !matches!(tried.failed, Some((Way::Down, _))) || !tried.tables.is_empty() {
            return Ok((tried, refused));
        }
        // Nothing could be asked after the failure.
        let looks = Looks { at_tables: true, ..looks };
        let given = without(&stage.before, &stage.seeds);
        let (_, tried) = self.again(stage, &given, looks).await?;
        Ok((tried, refused))
    }

    async fn judge(
        &mut self,
        stage: &mut Stage,
        tried: Tried,
        refused: &Refused,
    ) -> Result<RowVerdict, DataError> {
        let mut verdict = RowVerdict::of(stage);
        let mut kept = without(&stage.before, &stage.seeds);
        let (mut before, mut tried) = (stage.before.clone(), tried);
        for layer in 0..LAYERS {
            if let Some((_, failure)) = &tried.failed
                && is_artefact(self.migration, failure)
            {
                let why = format!("in one transaction it fails: {failure}");
                verdict.add(not_tried(self.migration, &why));
                break;
            }
            let tested = Tested {
                migration: self.migration,
                model: &stage.model,
                before: &before,
                deletable: &stage.deletable,
                tried: &tried,
            };
            let suspicions = checks::suspect(&tested);
            verdict.came_true.extend(self.came_true(&tested));
            let is_failure = tried.failed.is_some();
            if layer == 0 && !suspicions.is_empty() {
                kept = self.through_or_around(stage, kept).await?;
            }
            for mut suspicion in suspicions {
                if let (Class::Failure { .. }, Some((_, StepFailure::Sql { failure, .. }))) =
                    (&suspicion.class, &tried.failed)
                    && suspicion.hint.is_empty()
                {
                    let blamed = self.blamed(stage, &kept, failure).await?;
                    suspicion.hint = blamed::among(&stage.before, &kept, &blamed);
                }
                if !self.repeats(stage, &kept, &suspicion.class).await? {
                    continue;
                }
                if let Some(finding) = self.prove(stage, &kept, suspicion).await? {
                    verdict.findings.push(finding);
                }
            }
            if !is_failure && layer == 0 {
                verdict.findings.extend(self.without_rows(stage).await?);
                verdict.findings.extend(self.refused(stage, &kept, refused).await?);
            }
            if !is_failure && self.spoken.depends_on_order {
                for suspicion in self.ordered(stage, &kept).await? {
                    verdict.findings.extend(self.prove(stage, &kept, suspicion).await?);
                }
            }
            let Some(failed) = tried.failed else { break };
            if self.begun.elapsed() > self.options.budget {
                break;
            }
            // What fails hides what else is wrong: the rows that pass are looked at once more.
            let Some(less) = self.passing(stage, &kept, &failed).await? else { break };
            kept = less;
            (before, tried) = self.again(stage, &kept, self.looks()).await?;
            stage.after.clone_from(&tried.tables);
        }
        verdict.findings.extend(self.coverage(stage));
        Ok(verdict)
    }

    /// Where sequences stand after an upgrade that brings rows of its own into empty tables.
    async fn without_rows(&mut self, stage: &Stage) -> Result<Vec<Finding>, DataError> {
        if !self.spoken.may_move_sequences || !self.spoken.inserts {
            return Ok(Vec::new());
        }
        let looks = Looks { at_sequences: true, ..Looks::until(Way::Up) };
        let before = stage.seeds.clone();
        self.loader.stand(&stage.positions, &tops(&stage.model, &before));
        self.loader.open();
        let tried = self.run(stage, &before, looks).await?;
        self.loader.end(&[]);
        let tested = Tested {
            migration: self.migration,
            model: &stage.model,
            before: &before,
            deletable: &stage.deletable,
            tried: &tried,
        };
        let is_sequence = |it: &Suspicion| matches!(it.class, Class::Sequence(_));
        let found = checks::suspect(&tested).into_iter().filter(is_sequence);
        Ok(found.map(|it| it.finding).collect())
    }

    /// Tables that the migration is about and that have no rows at all.
    fn coverage(&self, stage: &Stage) -> Vec<Finding> {
        let named = |name: &Name| {
            let mut tables = stage.model.tables.iter();
            tables.any(|table| {
                table.name == *name && table.is_named && table.kind == TableKind::Plain
            })
        };
        let is_empty = |name: &Name| stage.before.0.get(name).is_none_or(TableRows::is_empty);
        let unfilled = stage.unfilled.iter();
        unfilled
            .filter(|it| named(&it.table) && is_empty(&it.table))
            .map(|it| {
                let message = format!("{} could not be given rows: {}", it.table, it.why);
                Finding::new(CheckId::SeedCoverage, message)
                    .in_file(&self.migration.upgrade.path)
                    .about([it.table.sql()])
            })
            .collect()
    }

    fn came_true(&self, tested: &Tested<'_>) -> Vec<Claim> {
        let claims = self.migration.claims.iter().filter(|claim| claim.is_about_rows());
        claims.filter(|claim| checks::came_true(claim, tested)).cloned().collect()
    }

    /// Runs the scripts on exactly these rows beside the seeds: what was there before, and what was
    /// seen.
    pub(super) async fn again(
        &mut self,
        stage: &Stage,
        given: &Rows,
        looks: Looks,
    ) -> Result<(Rows, Tried), DataError> {
        self.loader.open();
        self.put(stage, given);
        let tables = beside(&stage.model, &stage.seeds, given);
        let before = self.loader.rows(&tables).await?;
        let tried = self.run(stage, &before, looks).await?;
        self.loader.end(&[]);
        Ok((before, tried))
    }
}
