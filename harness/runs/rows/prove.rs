//! Proving a suspicion on few rows, such that an application could have put there.
//!
//! Where no trigger fires on INSERT any rows will do that the constraints agree to. Where some do,
//! what they put there, change or refuse is part of the state: rows are given through them while a
//! counterexample is made small. What is shown are the rows as they stand then, since whoever
//! replays them puts them around triggers.

use super::{Session, Stage, shown};
use crate::checks::{Class, Suspicion};
use crate::data::{
    Cell, Clock, DataError, Model, Rows, Table, ask_clock, beside, canonical, fires_triggers, pin,
    without, without_written,
};
use crate::finding::Finding;
use crate::postgres::{Batch, PostgresError};

impl Session<'_> {
    /// The rows to be given once more, beside the seeds. Decides whether triggers fire then: not
    /// where they refuse what they have taken before.
    pub(super) async fn through_or_around(
        &mut self,
        stage: &Stage,
        given: Rows,
    ) -> Result<Rows, DataError> {
        if self.is_kept || !fires_triggers(&stage.model) {
            return Ok(given);
        }
        let mut bare = given.clone();
        bare.0.retain(|name, _| !stage.copies.contains(name));
        self.through = true;
        let taken = self.standing(stage, &bare).await;
        self.through = self.unless_refused(taken)?.is_some();
        Ok(if self.through { bare } else { given })
    }

    /// Gives rows beside the seeds, when the next thing is asked.
    pub(super) fn put(&mut self, stage: &Stage, given: &Rows) {
        if self.through {
            self.loader.put_through(&stage.model, given, &stage.tops);
        } else {
            self.loader.put(&stage.model, given, &stage.tops);
        }
    }

    /// Makes the counterexample small and says what it shows; `None` if it is not about rows.
    pub(super) async fn prove(
        &mut self,
        stage: &Stage,
        given: &Rows,
        suspicion: Suspicion,
    ) -> Result<Option<Finding>, DataError> {
        if suspicion.finding.allowed.is_some() {
            return Ok(Some(suspicion.finding));
        }
        // Rows of the history that are lost are named: without any, they show nothing.
        let is_loss =
            matches!(suspicion.class, Class::Gone(_) | Class::Changed(..) | Class::Again(_));
        let is_seed = |(name, at): &(_, usize)| {
            let row = stage.before.0.get(name).and_then(|held| held.rows.get(*at));
            let seeds = stage.seeds.0.get(name);
            row.zip(seeds).is_some_and(|(row, seeds)| seeds.rows.contains(row))
        };
        // Those that were not fetched are not named.
        let is_named = !suspicion.hint.is_empty();
        let seeds_alone = if is_loss && is_named && !suspicion.hint.iter().any(is_seed) {
            None
        } else {
            self.shows(stage, &Rows::default(), &suspicion.class).await?
        };
        if let Some(finding) = seeds_alone {
            // It fails on its own: that is said of the empty schema, unless rows of the history do it.
            let is_failure = matches!(suspicion.class, Class::Failure { .. });
            let has_seeds = stage.seeds.count() > 0;
            return Ok((!is_failure || has_seeds).then_some(finding));
        }
        // In two orders rows are given as they are.
        let through = self.through && !matches!(suspicion.class, Class::Order(_));
        let (small, said) = if through {
            self.through_triggers(stage, given, &suspicion).await?
        } else {
            self.shrink(stage, given, &suspicion).await?
        };
        let mut finding = said.unwrap_or(suspicion.finding);
        finding.rows = shown::inserts(stage, &small, self.has_backup);
        Ok(Some(finding))
    }

    /// The smallest rows that show it when triggers fire, as they stand then; else those that were
    /// tried first, which went through triggers as well.
    async fn through_triggers(
        &mut self,
        stage: &Stage,
        given: &Rows,
        suspicion: &Suspicion,
    ) -> Result<(Rows, Option<Finding>), DataError> {
        // What only triggers write holds rows of theirs.
        let bare = without_written(&stage.model, given);
        for start in [&bare, given] {
            // Nothing can be made smaller any more: what was tried first is as good.
            if self.begun.elapsed() >= self.options.budget {
                break;
            }
            let shown = self.shows(stage, start, &suspicion.class).await;
            if self.unless_refused(shown)?.flatten().is_none() {
                continue;
            }
            let (small, said) = self.shrink(stage, start, suspicion).await?;
            let (standing, clock) = self.standing(stage, &small).await?;
            self.through = false;
            let shown = self.as_shown(stage, &small, &standing, &clock, suspicion, said).await;
            self.through = true;
            return shown;
        }
        Ok((without(&stage.before, &stage.seeds), None))
    }

    /// The rows to be shown, which are put around triggers: those that were given if the same is said
    /// of them, or else all that stand there.
    async fn as_shown(
        &mut self,
        stage: &Stage,
        small: &Rows,
        standing: &Rows,
        clock: &Clock,
        suspicion: &Suspicion,
        said: Option<Finding>,
    ) -> Result<(Rows, Option<Finding>), DataError> {
        let same = |shown: &Finding| {
            said.as_ref().is_some_and(|said| {
                (&said.message, &said.detail) == (&shown.message, &shown.detail)
            })
        };
        let shown = self.shows(stage, small, &suspicion.class).await;
        if self.unless_refused(shown)?.flatten().is_some_and(|shown| same(&shown)) {
            return Ok((small.clone(), said));
        }
        let timeless = timeless(&stage.model, standing, clock);
        let shown = self.shows(stage, &timeless, &suspicion.class).await;
        Ok(match self.unless_refused(shown)?.flatten() {
            Some(shown) => (timeless, Some(shown)),
            None => (standing.clone(), said),
        })
    }

    /// What stands in the tables beside the seeds when these rows are given, and the time.
    async fn standing(&mut self, stage: &Stage, given: &Rows) -> Result<(Rows, Clock), DataError> {
        self.loader.open();
        self.put(stage, given);
        let before = self.loader.rows(&beside(&stage.model, &stage.seeds, given)).await?;
        let mut batch = Batch::default();
        pin(&mut batch);
        let clock = ask_clock(&mut batch);
        let clock = Clock::from_rows(self.loader.send(&batch).await?.take(clock));
        self.loader.end(&[]);
        Ok((without(&before, &stage.seeds), clock))
    }

    /// `None` where a trigger or a constraint refused the rows; the transaction is ended.
    pub(super) fn unless_refused<T>(
        &mut self,
        tried: Result<T, DataError>,
    ) -> Result<Option<T>, DataError> {
        match tried {
            Err(DataError::Postgres(PostgresError::Sql(_))) => {
                self.loader.end(&[]);
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

/// The rows with plain values for times at which triggers wrote them: those are others each time.
fn timeless(model: &Model, rows: &Rows, clock: &Clock) -> Rows {
    let plain = |table: &Table, name: &String, cell: &Cell| -> Option<Cell> {
        let is_now = cell.as_ref().is_some_and(|value| clock.is_now(value));
        let is_key = table.uniques.iter().any(|unique| unique.columns.contains(name));
        let column = table.column(name).filter(|_| is_now && !is_key)?;
        canonical(&model.types, column.type_oid, column.modifier).into_iter().next().map(Some)
    };
    let mut rows = rows.clone();
    for table in &model.tables {
        let Some(held) = rows.0.get_mut(&table.name) else { continue };
        for row in &mut held.rows {
            for (name, cell) in held.columns.iter().zip(row) {
                if let Some(plain) = plain(table, name, cell) {
                    *cell = plain;
                }
            }
        }
    }
    rows
}
