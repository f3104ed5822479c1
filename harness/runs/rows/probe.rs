//! Asking after the upgrade whether its tables still take a row.

use crate::checks;
use crate::data::{DataError, Effort, Model, Name, Recipe, Rows, Unfilled};
use crate::finding::Finding;
use crate::postgres::Batch;
use crate::steps::Way;

use super::{Session, Stage};

/// Rows of another case than those that are there: their keys are others.
const CASE: u32 = 9;
const ROWS: usize = 6;

/// What tables took no row.
#[derive(Debug, Default)]
struct Refused {
    /// With all values given.
    given: Vec<Unfilled>,
    /// With defaults where there are any.
    defaults: Vec<Unfilled>,
}

impl Session<'_> {
    /// The tables of before that take no row after the upgrade, though they took some.
    pub(super) async fn refused(
        &mut self,
        stage: &Stage,
        given: &Rows,
    ) -> Result<Vec<Finding>, DataError> {
        let after = self.probe(stage, given, true).await?;
        let suspects = |list: &[Unfilled]| list.iter().any(|it| it.sqlstate.is_some());
        if !suspects(&after.given) && !suspects(&after.defaults) {
            return Ok(Vec::new());
        }
        let before = self.probe(stage, given, false).await?;
        let is_in = |list: &[Unfilled], name: &Name| list.iter().any(|it| it.table == *name);
        let mut findings = Vec::new();
        for refused in &after.given {
            if checks::is_of_the_schema(refused) && !is_in(&before.given, &refused.table) {
                findings.push(checks::refused_row(self.migration, refused, false));
            }
        }
        // Where a default belongs to another partition, rows come by way of the partitioned table.
        let is_partition = |name: &Name| {
            let mut tables = stage.model.tables.iter();
            tables.any(|table| table.name == *name && table.partition.is_some())
        };
        for refused in after.defaults.iter().filter(|it| !is_partition(&it.table)) {
            let is_default = !is_in(&after.given, &refused.table)
                && !is_in(&before.defaults, &refused.table)
                && checks::is_of_a_default(refused);
            if is_default {
                findings.push(checks::refused_row(self.migration, refused, true));
            }
        }
        Ok(findings)
    }

    /// Tries to insert, after the upgrade or without it, and takes everything back.
    async fn probe(
        &mut self,
        stage: &Stage,
        given: &Rows,
        upgraded: bool,
    ) -> Result<Refused, DataError> {
        let mut refused = Refused::default();
        self.loader.open();
        self.loader.put(&stage.model, given, &stage.tops);
        let nothing = Batch::default();
        let model = &stage.model;
        let runs = !upgraded
            || self.trial.run_blindly(self.loader, model, Way::Up, &nothing).await?.is_ok();
        if runs {
            let named = stage.model.tables.iter().filter(|table| table.is_named);
            let model = self.loader.model(named.map(|table| table.oid)).await?;
            let rows = self.loader.sample(&model).await?;
            refused.defaults = self.try_to_fill(&model, &rows, true).await?;
            if !refused.defaults.is_empty() {
                refused.given = self.try_to_fill(&model, &rows, false).await?;
            }
        }
        self.loader.end(&[]);
        Ok(refused)
    }

    async fn try_to_fill(
        &mut self,
        model: &Model,
        rows: &Rows,
        leaves_defaults: bool,
    ) -> Result<Vec<Unfilled>, DataError> {
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
        Ok(filled.unfilled)
    }
}
