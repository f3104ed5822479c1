//! Rows that are kept, tried before all others: each case alone, as it is written.
//!
//! What they show is added to what generated rows show. The same is not said twice, and generated
//! rows are shown then: so a run says the same before and after its rows were kept.

use std::time::Instant;

use super::kept::{Case, File};
use super::words::Spoken;
use super::{ROUNDS, RowOptions, RowVerdict, Session, Stage, head};
use crate::data::{
    DataError, Loader, Misfit, Model, Reach, Rows, State, ToRead, Wanted, ask_state, beside,
    constraints, tops, without,
};
use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;
use crate::postgres::{Batch, PostgresError};
use crate::sql::{self, StatementKind};
use crate::steps::Trial;

/// What kept rows said.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    verdict: RowVerdict,
    /// What could not be tried.
    misfits: Vec<Finding>,
}

/// Tries `migration` on the cases of its file.
pub(super) async fn replay(
    loader: &mut Loader,
    (migration, trial, spoken): (&Migration, &Trial, &Spoken),
    options: &RowOptions,
    file: &File,
    has_backup: bool,
) -> Result<Replayed, DataError> {
    let mut replayed = Replayed::default();
    let cases = match file.cases() {
        Ok(cases) => cases,
        Err(why) => {
            let message =
                format!("kept rows are not tried: can't read {}: {why}", file.path.display());
            replayed.misfits.push(misfit(migration, message).help(
                "the file holds INSERT statements, as psql takes them; mend it or delete it",
            ));
            return Ok(replayed);
        }
    };
    let begun = Instant::now();
    for case in &cases {
        let session = Session::new(loader, (migration, trial, spoken), options, begun);
        let mut session = Session { is_kept: true, has_backup, ..session };
        match session.kept(case).await? {
            Ok(verdict) => replayed.verdict.add(verdict),
            Err(mut misfit) => {
                // Values of a backup are not ours to show.
                misfit.detail.take_if(|_| has_backup);
                replayed.misfits.push(told(migration, file, case, &misfit));
            }
        }
    }
    Ok(replayed)
}

impl Replayed {
    /// Adds it to what generated rows said.
    pub(super) fn join(self, verdict: &mut RowVerdict) {
        for finding in &mut verdict.findings {
            finding.is_kept = self.verdict.findings.iter().any(|other| is_same(finding, other));
        }
        for finding in self.verdict.findings {
            if !verdict.findings.iter().any(|other| is_same(&finding, other)) {
                verdict.findings.push(Finding { is_kept: true, ..finding });
            }
        }
        for claim in self.verdict.came_true {
            if !verdict.came_true.contains(&claim) {
                verdict.came_true.push(claim);
            }
        }
        verdict.findings.extend(self.misfits);
    }
}

/// Whether two findings are the same one, shown by different rows.
fn is_same(one: &Finding, other: &Finding) -> bool {
    let shares = one.objects.is_empty() && other.objects.is_empty()
        || one.objects.iter().any(|object| other.objects.contains(object));
    // Which script, and the SQLSTATE; the server's words between may hold values.
    let failure = |finding: &Finding| {
        let is_failure = finding.check == CheckId::DataDependentFailure;
        let message = is_failure.then_some(finding.message.as_str())?;
        let (lead, rest) = message.split_once(": ")?;
        Some((lead.to_owned(), rest.rsplit_once(" (SQLSTATE ")?.1.to_owned()))
    };
    one.check == other.check
        && one.allowed.is_some() == other.allowed.is_some()
        && shares
        && failure(one) == failure(other)
}

fn misfit(migration: &Migration, message: String) -> Finding {
    Finding::new(CheckId::SeedCoverage, message).in_file(&migration.upgrade.path)
}

fn told(migration: &Migration, file: &File, case: &Case, misfit: &Misfit) -> Finding {
    let at = misfit.statement.and_then(|at| case.statements.get(at));
    let first = at.or(case.statements.first());
    let line = first.map_or(1, |(line, _)| *line);
    let path = file.path.display();
    let message = format!("kept rows are not tried: {path}:{line} does not fit the schema");
    let statement = at.map(|(_, text)| format!("{text};"));
    let detail = misfit.detail.as_ref().map(|detail| format!("detail: {detail}"));
    let lines: Vec<String> =
        statement.into_iter().chain([misfit.words.clone()]).chain(detail).collect();
    self::misfit(migration, message).detail(lines.join("\n")).help(
        "write the case for the tables and rows that are there before this migration, or delete it \
         if nobody needs it any more",
    )
}

/// All rows of small tables; of large ones those that were written.
fn written(model: &Model, seeds: &Rows) -> Vec<ToRead> {
    let mut tables = beside(model, seeds, &Rows::default());
    for table in tables.iter_mut().filter(|table| table.reach != Reach::All) {
        table.reach = Reach::Own;
    }
    tables
}

impl Session<'_> {
    /// What one case shows, or why it can't be tried. Nothing that is written in it ends the run.
    async fn kept(&mut self, case: &Case) -> Result<Result<RowVerdict, Misfit>, DataError> {
        let is_insert = |(_, text): &(usize, String)| sql::kind(text) == StatementKind::Insert;
        if let Some(at) = case.statements.iter().position(|it| !is_insert(it)) {
            return Ok(Err(Misfit::new(Some(at), "only INSERT statements are tried")));
        }
        let statements: Vec<&str> = case.statements.iter().map(|(_, text)| text.as_str()).collect();
        match self.kept_rows(&statements).await {
            Err(DataError::Postgres(PostgresError::Sql(failure))) => {
                self.loader.end(&[]);
                Ok(Err(Misfit::new(None, failure.to_string())))
            }
            other => other,
        }
    }

    async fn kept_rows(
        &mut self,
        statements: &[&str],
    ) -> Result<Result<RowVerdict, Misfit>, DataError> {
        let mut wanted = Wanted { words: self.spoken.words.clone(), ..Wanted::default() };
        for _ in 0..ROUNDS {
            let (model, newest) = self.loader.begin(&wanted).await?;
            let (positions, seeds) = self.loader.look(&model, &head::holding(&model)).await?;
            self.loader.align(&positions, &tops(&model, &seeds));
            self.loader.ready();
            let misfit = self.loader.put_written(statements).await?;
            if let Some(misfit) = misfit {
                self.loader.end(&positions);
                return Ok(Err(misfit));
            }
            let known: Vec<u32> = model.tables.iter().map(|table| table.oid).collect();
            let mut batch = Batch::default();
            let state = ask_state(&mut batch, &known);
            let state = State::from_rows(self.loader.send(&batch).await?.take(state))?;
            let locked = state.tables.iter().map(|table| table.oid);
            let is_unknown = |oid: &u32| !known.contains(oid) && !wanted.oids.contains(oid);
            let unknown: Vec<u32> = locked.filter(is_unknown).collect();
            if !unknown.is_empty() {
                self.loader.end(&positions);
                wanted.oids.extend(unknown);
                continue;
            }
            let before = self.loader.rows(&written(&model, &seeds)).await?;
            let deletable = self.deletable(&model, &before).await?;
            self.loader.end(&positions);
            let given = without(&before, &seeds);
            let tops = tops(&model, &before);
            let text = &self.spoken.text;
            let known = constraints::of_script(text, &model.tables, &model.types);
            let (after, unfilled, copies) = (Vec::new(), Vec::new(), Vec::new());
            let mut stage = Stage {
                model,
                newest,
                seeds,
                before,
                deletable,
                positions,
                tops,
                known,
                after,
                unfilled,
                copies,
                given: 0,
            };
            self.loader.open();
            self.loader.put(&stage.model, &given, &stage.tops);
            let (tried, refused) = self.try_all(&stage).await?;
            let unknown = self.unknown(&tried, &wanted).await?;
            if !unknown.is_empty() {
                wanted.oids.extend(unknown);
                continue;
            }
            stage.after.clone_from(&tried.tables);
            let verdict = self.judge(&mut stage, tried, &refused).await?;
            self.loader.restore(&stage.positions).await?;
            return Ok(Ok(verdict));
        }
        let why = "the migration goes on to touch tables that it does not name";
        Ok(Err(Misfit::new(None, why)))
    }
}
