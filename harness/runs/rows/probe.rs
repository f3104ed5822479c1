//! Asking after the upgrade whether its tables still take a row.

use crate::checks;
use crate::data::{DataError, Effort, Model, Now, Recipe, Rows, Unfilled, all_columns};
use crate::finding::Finding;

use super::{Session, Stage, shown};

/// Rows of another case than those that are there: their keys are others.
const CASE: u32 = 9;
const ROWS: usize = 6;

/// What tables took no row, with their object ids, which stay where names change.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// With all values given.
    given: Vec<(u32, Unfilled)>,
    /// With defaults where there are any.
    defaults: Vec<(u32, Unfilled)>,
}

impl Session<'_> {
    /// The tables of before that take no row after the upgrade, though they took some.
    pub(super) async fn refused(
        &mut self,
        stage: &Stage,
        given: &Rows,
        after: &Refused,
    ) -> Result<Vec<Finding>, DataError> {
        let suspects = |list: &[(u32, Unfilled)]| list.iter().any(|(_, it)| it.sqlstate.is_some());
        if !suspects(&after.given) && !suspects(&after.defaults) {
            return Ok(Vec::new());
        }
        self.loader.open();
        self.put(stage, given);
        let before = self.probe(stage, &[]).await?;
        self.loader.end(&[]);
        let is_in = |list: &[(u32, Unfilled)], table: u32| list.iter().any(|(it, _)| *it == table);
        let mut findings = Vec::new();
        for (table, refused) in &after.given {
            if checks::is_of_the_schema(refused) && !is_in(&before.given, *table) {
                let finding = checks::refused_row(self.migration, refused, false);
                findings.push(self.with_row(stage, finding, refused));
            }
        }
        // Where a default belongs to another partition, rows come by way of the partitioned table.
        let is_partition = |oid: u32| {
            let mut tables = stage.model.tables.iter();
            tables.any(|table| table.oid == oid && table.partition.is_some())
        };
        for (table, refused) in after.defaults.iter().filter(|(table, _)| !is_partition(*table)) {
            // What a new table's own defaults are refused for is told by the schema.
            let is_default = *table <= stage.newest
                && !is_in(&after.given, *table)
                && !is_in(&before.defaults, *table)
                && checks::is_of_a_default(refused);
            if is_default {
                let finding = checks::refused_row(self.migration, refused, true);
                findings.push(self.with_row(stage, finding, refused));
            }
        }
        Ok(findings)
    }

    /// Adds the row that is refused, and before it those that it refers to.
    fn with_row(&self, stage: &Stage, mut finding: Finding, refused: &Unfilled) -> Finding {
        // It may refer to rows of a backup, which are nobody's to show.
        if !self.has_backup {
            finding.rows = shown::refused(stage, refused);
        }
        finding
    }

    /// Tries to insert into the tables as they are, and takes everything back. `now` are those that
    /// the upgrade had to do with, if that is known: new ones are tried as well.
    pub(super) async fn probe(&mut self, stage: &Stage, now: &[Now]) -> Result<Refused, DataError> {
        let mut refused = Refused::default();
        if self.spoken.has_guards {
            // What a body has read of a row stays in its plans, but not in the next session.
            self.loader.later("DISCARD PLANS");
        }
        let named = stage.model.tables.iter().filter(|table| table.is_named);
        let new = now.iter().map(|table| table.oid).filter(|oid| *oid > stage.newest);
        let oids: Vec<u32> = named.map(|table| table.oid).chain(new).collect();
        let model = self.loader.model(oids).await?;
        let (positions, rows) = self.loader.look(&model, &all_columns(&model)).await?;
        refused.defaults = self.try_to_fill(&model, &rows, true).await?;
        if !refused.defaults.is_empty() {
            refused.given = self.try_to_fill(&model, &rows, false).await?;
        }
        // What draws numbers afterwards must find them as the upgrade left them.
        self.loader.put_back(&positions);
        Ok(refused)
    }

    async fn try_to_fill(
        &mut self,
        model: &Model,
        rows: &Rows,
        leaves_defaults: bool,
    ) -> Result<Vec<(u32, Unfilled)>, DataError> {
        let recipe = Recipe {
            seed: self.options.seed,
            case: CASE,
            rows_per_table: ROWS,
            at_least: 1,
            leaves_defaults,
            enough: 1,
            effort: Effort::Once,
        };
        self.loader.later("SAVEPOINT stairway_probe");
        let filled = self.loader.fill(model, rows, "", recipe).await?;
        self.loader.later("ROLLBACK TO stairway_probe");
        let unfilled = filled.unfilled.into_iter().filter_map(|unfilled| {
            let table = model.tables.iter().find(|table| table.name == unfilled.table)?;
            Some((table.oid, unfilled))
        });
        Ok(unfilled.collect())
    }
}
