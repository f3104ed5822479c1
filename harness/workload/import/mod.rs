//! A workload from what an application does: from `pg_stat_statements`, or from a server's log.
//!
//! Knows how texts of queries become files with named parameters. Must not know migrations. Values of
//! rows are written down only where that is asked for.

mod catalog;
mod draft;
mod error;
mod files;
mod log;
mod message;
mod normal;
mod origin;
mod scope;
mod skip;
mod statements;
mod tally;
mod usage;
mod words;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use jiff::civil::DateTime;

use crate::postgres::Session;
use crate::sql;

pub use error::ImportError;
pub use files::{Imported, Made, write};
pub use skip::Skip;

use catalog::Catalog;
use draft::{Context, draft};
use files::Parts;
use log::{Log, Next};
use message::Said;
use tally::{Group, Sent, Tally};

/// So many entries of a log are read before a signal is listened to.
const BREATH: u64 = 256;
/// So many lines that can't be read are named.
const NAMED: usize = 3;

/// By what queries are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// How often they came.
    Calls,
    /// How long all their calls took.
    Time,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// So many queries at most.
    pub top: usize,
    /// Which come first.
    pub by: By,
    /// Queries that came less often are left out.
    pub min_calls: u64,
    /// Of a log: whether values that were seen are written down.
    pub values: bool,
    /// Whether queries get rates of their own, instead of weights.
    pub rates: bool,
    /// Of a log: the database.
    pub database: Option<String>,
}

/// Makes a workload from what the session's database has counted.
pub async fn from_statements(
    session: &mut Session,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    statements::settle(session).await?;
    let made = counted(session, options).await;
    finish(session, made).await
}

/// Ends the transaction; what has failed in it matters more than that it can't be ended.
async fn finish<T>(session: &mut Session, made: Result<T, ImportError>) -> Result<T, ImportError> {
    let left = statements::leave(session).await;
    let made = made?;
    left?;
    Ok(made)
}

async fn counted(session: &mut Session, options: &ImportOptions) -> Result<Imported, ImportError> {
    let mut tally = Tally::new(false, catalog::own(session).await?);
    let since = statements::count(session, &mut tally).await?;
    let catalog = Catalog::read(session).await?;
    let mut parts = Parts::new(format!("pg_stat_statements of {}", since.database), &tally);
    parts.seconds = since.seconds;
    parts.span = since.reset.map(|at| format!("since {at}"));
    if since.lost > 0 {
        parts.notes.push(format!(
            "pg_stat_statements has thrown out entries {} times for want of room: rare queries are missing \
             (pg_stat_statements.max)",
            since.lost
        ));
    }
    if parts.skipped.contains_key(&Skip::Hidden) {
        let role = session.target().role();
        parts
            .notes
            .push(format!("other roles' texts are hidden: GRANT pg_read_all_stats TO {role}"));
    }
    let groups = tally.into_groups();
    if groups.is_empty() {
        return Err(ImportError::NoStatements {
            database: since.database,
            skipped: parts.told_skipped(),
        });
    }
    let context =
        Context { catalog: Some(&catalog), values: false, is_normalised: true, unifies: false };
    choose(groups, context, Some(session), options, &mut parts).await?;
    Ok(parts.imported(options))
}

/// Makes a workload from logs in the csv or json form; the session's database, if one is given, tells which
/// tables there are.
pub async fn from_logs(
    paths: &[PathBuf],
    mut session: Option<&mut Session>,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    // Not one transaction with what follows: reading may take long.
    let own = match session.as_deref_mut() {
        Some(session) => {
            statements::settle(session).await?;
            let own = catalog::own(session).await.map_err(ImportError::from);
            finish(session, own).await?
        }
        None => HashSet::new(),
    };
    let mut reading = Reading::new(options.values, own);
    for path in paths {
        reading.read(path, options.database.as_deref()).await?;
    }
    // Where they lie is nobody's concern who reads the files.
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: Vec<String> = paths.iter().filter_map(name).collect();
    let mut parts = Parts::new(names.join(", "), &reading.tally);
    reading.tell(&mut parts);
    if reading.databases.len() > 1 {
        let told = reading.databases.iter().map(|(name, count)| format!("{name} ({count})"));
        let told = told.collect::<Vec<_>>().join(", ");
        return Err(ImportError::Databases(told, parts.told_notes()));
    }
    let groups = reading.tally.into_groups();
    if groups.is_empty() {
        let skipped = parts.told_skipped();
        let notes = parts.told_notes();
        return Err(ImportError::NoQueries { entries: reading.entries, skipped, notes });
    }
    let context =
        Context { catalog: None, values: options.values, is_normalised: false, unifies: false };
    match session {
        Some(session) => {
            statements::settle(session).await?;
            let chosen = looked_up(groups, context, session, options, &mut parts).await;
            finish(session, chosen).await?;
        }
        None => choose(groups, context, None, options, &mut parts).await?,
    }
    Ok(parts.imported(options))
}

/// Makes drafts with what the session's database knows.
async fn looked_up(
    groups: Vec<(String, Group)>,
    context: Context<'_>,
    session: &mut Session,
    options: &ImportOptions,
    parts: &mut Parts,
) -> Result<(), ImportError> {
    let catalog = Catalog::read(session).await?;
    let context = Context { catalog: Some(&catalog), ..context };
    choose(groups, context, Some(session), options, parts).await
}

/// Logs that are being read.
struct Reading {
    tally: Tally,
    entries: u64,
    /// Queries of each database.
    databases: BTreeMap<String, u64>,
    /// Queries of databases that are not wanted.
    elsewhere: BTreeMap<String, u64>,
    bad: u64,
    /// Where some of the bad lines are.
    places: Vec<String>,
    first: Option<String>,
    last: Option<String>,
}

impl Reading {
    fn new(values: bool, own: HashSet<String>) -> Self {
        Self {
            tally: Tally::new(values, own),
            entries: 0,
            databases: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            bad: 0,
            places: Vec::new(),
            first: None,
            last: None,
        }
    }

    async fn read(
        &mut self,
        path: &std::path::Path,
        database: Option<&str>,
    ) -> Result<(), ImportError> {
        let mut log = Log::open(path)?;
        loop {
            match log.next()? {
                Next::End => return Ok(()),
                Next::Bad => {
                    self.bad += 1;
                    if self.places.len() < NAMED {
                        self.places.push(format!("{}:{}", path.display(), log.line));
                    }
                }
                Next::Entry(entry) => {
                    self.entries += 1;
                    if entry.severity == "LOG" {
                        self.entry(&entry, database);
                    }
                }
            }
            if (self.entries + self.bad).is_multiple_of(BREATH) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn entry(&mut self, entry: &log::Entry, database: Option<&str>) {
        let (sql, millis) = match message::said(&entry.message) {
            Said::Query { sql, millis, .. } => (sql, millis),
            Said::Fetch => return self.tally.skip(Skip::Fetch),
            Said::Part | Said::Other => return,
        };
        if database.is_some_and(|wanted| wanted != entry.database) {
            *self.elsewhere.entry(entry.database.clone()).or_default() += 1;
            return;
        }
        if self.first.as_ref().is_none_or(|first| entry.at < *first) {
            self.first = Some(entry.at.clone());
        }
        if self.last.as_ref().is_none_or(|last| entry.at > *last) {
            self.last = Some(entry.at.clone());
        }
        let Ok(statements) = sql::split(sql) else {
            // COPY .. FROM STDIN does not split, since its rows would follow.
            return self.tally.skip(skip::by_kind(sql).unwrap_or(Skip::Unreadable));
        };
        // The time of several statements in one message is nobody's.
        let millis = millis.filter(|_| statements.len() == 1);
        for statement in &statements {
            let bound = message::bound(&entry.detail);
            if self.tally.add(&Sent { text: statement.text(sql), calls: 1, millis, bound }) {
                *self.databases.entry(entry.database.clone()).or_default() += 1;
            }
        }
    }

    /// Adds what there is to say of the logs as such.
    fn tell(&self, parts: &mut Parts) {
        let time = |at: &Option<String>| at.as_ref()?.parse::<DateTime>().ok();
        if let Some((first, last)) = time(&self.first).zip(time(&self.last)) {
            let seconds = first.duration_until(last).as_secs_f64();
            parts.seconds = Some(seconds).filter(|seconds| *seconds >= 1.0);
            let told = |at: DateTime| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            parts.span = Some(format!("from {} to {}", told(first), told(last)));
        }
        if self.bad > 0 {
            let more = if self.bad > NAMED as u64 { ", .." } else { "" };
            let lines = if self.bad == 1 { "1 line is no entry" } else { "lines are no entries" };
            let count = if self.bad == 1 { String::new() } else { format!("{} ", self.bad) };
            let places = self.places.join(", ");
            parts.notes.push(format!("{count}{lines} of a log: {places}{more}"));
        }
        if !self.elsewhere.is_empty() {
            let told = self.elsewhere.iter().map(|(name, count)| format!("{name} ({count})"));
            let told = told.collect::<Vec<_>>().join(", ");
            parts.notes.push(format!("queries of other databases are left out: {told}"));
        }
    }
}

/// Makes drafts of those that come first.
async fn choose(
    mut groups: Vec<(String, Group)>,
    context: Context<'_>,
    mut session: Option<&mut Session>,
    options: &ImportOptions,
    parts: &mut Parts,
) -> Result<(), ImportError> {
    parts.found = groups.len();
    parts.is_tried = session.is_some();
    let has_times = groups.iter().any(|(_, group)| group.timed > 0);
    if options.by == By::Time && !has_times {
        parts.notes.push("no times are known, so those that came most often are taken".to_owned());
    }
    groups.sort_by(|(key, a), (other, b)| {
        let time = if options.by == By::Time {
            b.millis.total_cmp(&a.millis)
        } else {
            std::cmp::Ordering::Equal
        };
        time.then(b.calls.cmp(&a.calls)).then_with(|| key.cmp(other))
    });
    groups.retain(|(_, group)| group.calls >= options.min_calls);
    if groups.is_empty() {
        return Err(ImportError::TooFew(options.min_calls, parts.told_notes()));
    }
    for (_, group) in &groups {
        if parts.drafts.len() == options.top {
            break;
        }
        if let Some((stem, count)) = draft::too_long(group) {
            parts.notes.push(format!(
                "{stem} is left out: it has {count} parameters, and {} are the most",
                tally::PARAMETERS
            ));
            continue;
        }
        let Some(mut made) = draft(group, context) else { continue };
        if let Some(session) = session.as_deref_mut()
            && let Some((mut state, mut why)) = statements::refusal(session, &made.query()).await?
        {
            // What GROUP BY and DISTINCT take for the same must be the same parameter.
            if matches!(state.as_str(), "42803" | "42P10")
                && let Some(other) = draft(group, Context { unifies: true, ..context })
            {
                match statements::refusal(session, &other.query()).await? {
                    None => (made, state) = (other, String::new()),
                    Some(refused) => (state, why) = refused,
                }
            }
            if !state.is_empty() {
                parts.refused.push((made.stem, why));
                continue;
            }
        }
        parts.drafts.push((made, group.counted()));
    }
    Ok(())
}
