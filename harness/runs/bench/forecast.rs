//! What the same migration will do in production, by the number of rows there.
//!
//! One assumption, which every report says: what takes time takes it in proportion to a table's rows. So
//! only what took long enough on the copy to be due to rows is scaled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::postgres::Session;
use crate::runs::RunError;
use crate::steps::{self, Footprint, Relation};
use crate::workload::WorkloadError;

use super::ground::Ground;
use super::impact::Impact;

/// What took less is as much due to everything else as to rows.
const TELLING: Duration = Duration::from_millis(50);
/// So many bytes of WAL are due to rows.
const TELLING_WAL: u64 = 1_000_000;

/// What production is taken to be like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Where the numbers of rows are from.
    pub basis: Basis,
    /// The tables that it touches, with rows.
    pub tables: Vec<Scaled>,
    /// How long it takes; `None` if nobody can tell.
    pub took: Option<Duration>,
    /// Bytes of WAL; `None` if nobody can tell.
    pub wal: Option<u64>,
}

/// Where the numbers of rows in production are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Nobody says how many there are.
    #[default]
    Unknown,
    /// A backup: as many as it has.
    Backup,
    /// The configuration says so, of some of the tables at least.
    Configured,
}

/// One table, here and in production.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaled {
    /// As SQL.
    pub table: String,
    /// How many rows it has on the copy, about.
    pub here: u64,
    /// How many it has in production; `None` if nobody says.
    pub rows: Option<u64>,
    /// How long others wait there; `None` if nobody can tell.
    pub blocked: Option<Duration>,
}

impl Basis {
    /// The assumption, in words.
    pub fn assumption(self) -> &'static str {
        match self {
            Self::Unknown => {
                "nobody says how many rows production has: [bench.production-rows] can"
            }
            Self::Backup => "production is as large as the backup, and as fast as this machine",
            Self::Configured => {
                "time in proportion to a table's rows in [bench.production-rows], on a machine as fast \
                 as this one"
            }
        }
    }
}

impl Forecast {
    /// What is known of a table.
    pub fn of(&self, table: &str) -> Option<&Scaled> {
        self.tables.iter().find(|it| it.table == table)
    }
}

/// Whether all tables that have rows in production are there, before the migrations or after them.
pub(super) async fn check(
    production: &BTreeMap<String, u64>,
    ground: &Ground,
) -> Result<(), RunError> {
    if production.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    for target in [ground.before(), ground.after()] {
        let mut session = Session::connect(target, "look").await?;
        let footprint = steps::footprint(&mut session).await?;
        known.extend(footprint.relations.into_values().map(|it| it.name));
        session.close().await?;
    }
    match production.keys().find(|name| !known.contains(*name)) {
        Some(name) => Err(WorkloadError::NoTable(name.clone()).into()),
        None => Ok(()),
    }
}

/// How many rows tables have in production.
pub(super) struct Scale<'a> {
    production: &'a BTreeMap<String, u64>,
    has_backup: bool,
}

impl<'a> Scale<'a> {
    pub(super) fn new(production: &'a BTreeMap<String, u64>, has_backup: bool) -> Self {
        Self { production, has_backup }
    }

    /// The forecast for a migration that touches `tables`.
    pub(super) fn forecast(
        &self,
        impact: &Impact,
        tables: &[String],
        before: &Footprint,
    ) -> Forecast {
        let known: Vec<&Relation> =
            before.relations.values().filter(|it| tables.contains(&it.name)).collect();
        let is_named = known.iter().any(|it| self.production.contains_key(&it.name));
        let basis = match (is_named, self.has_backup) {
            (true, _) => Basis::Configured,
            (false, true) => Basis::Backup,
            (false, false) => Basis::Unknown,
        };
        let tables = known.iter().map(|relation| {
            let rows = self.rows(relation);
            let waited = impact.blocked.iter().find(|it| it.table == relation.name);
            let waited = waited.map(|it| it.reads.max(it.writes)).unwrap_or_default();
            let blocked = factor(relation, rows).and_then(|factor| scaled(waited, factor));
            Scaled { table: relation.name.clone(), here: whole(relation.rows), rows, blocked }
        });
        let tables: Vec<Scaled> = tables.collect();
        // The table that grows most: an upper bound where others grow less, and nothing where one may grow
        // in a way that nobody knows.
        let with_rows = known.iter().filter(|it| it.rows > 0.0);
        let factors = with_rows.map(|it| factor(it, self.rows(it))).collect::<Option<Vec<f64>>>();
        let most = factors.and_then(|all| all.into_iter().max_by(f64::total_cmp));
        let wal = impact.quiet.wal;
        Forecast {
            basis,
            tables,
            took: most.and_then(|factor| scaled(impact.quiet.took, factor)),
            wal: most.filter(|it| *it <= 1.0 || wal >= TELLING_WAL).map(|it| whole(real(wal) * it)),
        }
    }

    fn rows(&self, relation: &Relation) -> Option<u64> {
        let named = self.production.get(&relation.name).copied();
        named.or(self.has_backup.then(|| whole(relation.rows)))
    }
}

/// How often the rows of here are in those of production.
fn factor(relation: &Relation, rows: Option<u64>) -> Option<f64> {
    rows.filter(|_| relation.rows > 0.0).map(|rows| real(rows) / relation.rows)
}

/// A time there, if it is long enough to be due to rows.
fn scaled(time: Duration, factor: f64) -> Option<Duration> {
    let is_telling = factor <= 1.0 || time >= TELLING;
    is_telling.then(|| Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "rows and bytes to some digits")]
fn real(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows and bytes")]
fn whole(number: f64) -> u64 {
    number.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::impact::{BlockedTable, Impact};
    use super::super::quiet::Quiet;
    use super::{Basis, Forecast, Scale};
    use crate::steps::{Footprint, Relation};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn impact(waited: Duration) -> Impact {
        let (table, spans) = ("public.t".to_owned(), Vec::new());
        Impact {
            place: 0,
            migration: String::new(),
            quiet: Quiet { took: ms(80), wal: 3_000_000, ..Quiet::default() },
            took: ms(100),
            failed: None,
            blocked: vec![BlockedTable { table, reads: ms(1), writes: waited, spans }],
            slowed: Duration::ZERO,
            control: Duration::ZERO,
            held: Vec::new(),
            unprobed: Vec::new(),
            rewrites: None,
            beside: None,
            forecast: Forecast::default(),
        }
    }

    fn before() -> Footprint {
        let relation =
            |name: &str| Relation { name: name.to_owned(), rows: 1000.0, ..Relation::default() };
        let relations = [(1, relation("public.t")), (2, relation("public.u"))];
        Footprint { relations: relations.into(), ..Footprint::default() }
    }

    #[test]
    fn what_is_due_to_rows_grows_with_them() {
        let both = ["public.t".to_owned(), "public.u".to_owned()];
        let production = BTreeMap::from([("public.t".to_owned(), 50_000)]);
        let of_tables = |tables: &[String], production, has_backup, waited| {
            Scale::new(production, has_backup).forecast(&impact(waited), tables, &before())
        };
        let of =
            |production, has_backup, waited| of_tables(&both[..1], production, has_backup, waited);
        let unknown = of_tables(&both, &production, false, ms(60));
        assert_eq!(unknown.of("public.u").unwrap().rows, None, "nobody says");
        assert_eq!((unknown.took, unknown.wal), (None, None));
        let told = of(&production, false, ms(60));
        assert_eq!(told.basis, Basis::Configured);
        assert_eq!(told.of("public.t").unwrap().blocked, Some(ms(3000)));
        assert_eq!((told.took, told.wal), (Some(ms(4000)), Some(150_000_000)));
        let short = of(&production, false, ms(20));
        assert_eq!(short.of("public.t").unwrap().blocked, None, "it may be due to anything");
        let nothing = BTreeMap::new();
        let backup = of(&nothing, true, ms(20));
        assert_eq!(backup.basis, Basis::Backup);
        assert_eq!(backup.of("public.t").unwrap().blocked, Some(ms(20)));
        assert_eq!((backup.took, backup.wal), (Some(ms(80)), Some(3_000_000)));
        let unknown = of(&nothing, false, ms(60));
        assert_eq!((unknown.basis, unknown.took, unknown.wal), (Basis::Unknown, None, None));
    }
}
