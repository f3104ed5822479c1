//! What a restore would lose, and whether that is accepted: counted before it and once more when nobody
//! can write any more.

use std::fmt::{self, Display, Write};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::backup::{Backup, Store};
use crate::migrations::Script;
use crate::postgres::{PostgresError, Session};
use crate::steps::{self, Before, Ledger, SinceBackup, Written};

use super::journal::{Entry, Journal, kept_of};
use super::preflight::Known;
use super::request::Accepted;
use super::run::{Run, Stop, discreet};
use super::site::Site;

/// Where a journal keeps what was there before the first move.
const FILE: &str = "written-before.json";

/// What is restored.
#[derive(Debug)]
pub(super) struct Wanted<'w> {
    pub(super) store: &'w Store,
    pub(super) backup: &'w Backup,
    /// Why the backup is of another server, if it is: then nothing can be counted.
    pub(super) foreign: Option<String>,
    /// Whether a person named it, and knows what was moved since.
    pub(super) by_hand: bool,
}

/// Why a restore is not made, and what would have to be done for it.
#[derive(Debug)]
pub(super) struct Refusal {
    why: String,
    pub(super) help: String,
    /// Something was counted that can be exported.
    has_rows: bool,
}

impl Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.why)
    }
}

/// What a restore would lose.
#[derive(Debug)]
pub(super) struct Loss {
    written: Vec<Written>,
    /// What other runs moved since.
    moves: Vec<String>,
    /// Transactions that wait for their second phase.
    prepared: Vec<String>,
    /// Whether others were kept out since before the backup.
    is_fenced: bool,
}

/// Writes down what is there before the first move of a run.
pub(super) async fn keep_before(
    run: &Run<'_>,
    known: &Known<'_>,
    worker: &mut Session,
) -> Result<(), Stop> {
    let exit = crate::exit::Exit::PreflightRefused;
    let Some(journal) = &run.journal else { return Ok(()) };
    let moves = known.way.moves.iter();
    let scripts: Vec<&Script> =
        moves.flat_map(|it| [it.script(), it.back().script()]).flatten().collect();
    let before = steps::before(worker, scripts.into_iter()).await;
    let before =
        before.map_err(|error| Stop::postgres(exit, "the database can't be looked at", &error))?;
    // Plain data: this can't fail.
    let text = serde_json::to_string(&before).unwrap_or_default();
    journal.keep(FILE, &text).map_err(|error| Stop::journal(&error))
}

impl Wanted<'_> {
    /// What was there before the first move of the run that made the backup.
    pub(super) fn before(&self, site: &Site<'_>) -> Option<Before> {
        let text = kept_of(&site.request.state, &self.backup.manifest.run, FILE)?;
        serde_json::from_str(&text).ok()
    }

    /// The runs that are undone.
    fn runs(&self, run: &Run<'_>) -> [String; 2] {
        [self.backup.manifest.run.clone(), run.id()]
    }
}

/// The transactions that a journal names: those of statements that commit by themselves are in no audit
/// trail.
fn xids(run: &Run<'_>) -> Vec<String> {
    let entries = run.journal.as_ref().map(Journal::entries).unwrap_or_default();
    let xid = |entry: &Entry| match entry {
        Entry::Committing { xid } => Some(xid.clone()),
        _ => None,
    };
    entries.iter().filter_map(xid).collect()
}

/// When it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Before the restore, while others work on.
    First,
    /// When nobody is let in any more: it must not take long.
    Last,
}

/// Counts what a restore would lose.
pub(super) async fn count(
    run: &Run<'_>,
    site: &Site<'_>,
    session: &mut Session,
    wanted: &Wanted<'_>,
    which: Count,
) -> Result<Loss, PostgresError> {
    let manifest = &wanted.backup.manifest;
    let prepared = "SELECT gid FROM pg_catalog.pg_prepared_xacts \
                    WHERE database = pg_catalog.current_database() ORDER BY prepared";
    let prepared = session.rows(prepared).await?.into_iter().flatten().flatten().collect();
    let (mut written, mut moves) = (Vec::new(), Vec::new());
    if wanted.foreign.is_none() {
        let (ledger, _) = Ledger::find(session, &site.request.history.records).await?;
        let (before, runs, ignore) = (wanted.before(site), wanted.runs(run), [ledger.names()]);
        let since = SinceBackup {
            snapshot: &manifest.snapshot,
            held: &manifest.contents,
            runs: &runs,
            xids: &xids(run),
            before: before.as_ref(),
            ignore: &ignore,
        };
        written = steps::written_since(session, &since).await?;
        moves = steps::moves_since(session, &manifest.snapshot, &runs).await?;
        // A copy of the disk has the same identifiers, and its backups are not of here.
        let is_same_schema = before.is_none() && moves.is_empty();
        if wanted.by_hand && which == Count::First && is_same_schema {
            written.extend(steps::not_as_backed_up(session, &since, &written).await?);
        }
    }
    Ok(Loss { written, moves, prepared, is_fenced: is_fenced(run, session).await? })
}

/// Whether the fence that a run closed stands: it is opened when a run ends, also where nothing is
/// settled.
async fn is_fenced(run: &Run<'_>, session: &mut Session) -> Result<bool, PostgresError> {
    let entries = run.journal.as_ref().map(Journal::entries).unwrap_or_default();
    let last = entries
        .iter()
        .rev()
        .find(|it| matches!(it, Entry::Fencing { .. } | Entry::Opened | Entry::Settled { .. }));
    if !matches!(last, Some(Entry::Fencing { .. })) {
        return Ok(false);
    }
    let sql = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_database d, pg_catalog.aclexplode( \
                 coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a \
               WHERE d.datname = pg_catalog.current_database() AND a.privilege_type = 'CONNECT' \
                 AND a.grantee <> d.datdba AND a.grantee <> (SELECT r.oid FROM pg_catalog.pg_roles r \
                   WHERE r.rolname = current_user))";
    Ok(session.value(sql).await?.as_deref() == Some("t"))
}

impl Loss {
    fn rows(&self) -> u64 {
        self.written.iter().map(|it| it.rows).sum()
    }

    /// The tables of which it can't be told what others wrote.
    fn untold(&self) -> Option<String> {
        let tables = self.written.iter().filter(|it| !it.is_all);
        let mut tables: Vec<String> = tables.map(|it| dotted(&it.table)).collect();
        let more = tables.len().saturating_sub(5);
        tables.truncate(5);
        let mut text = tables.join(", ");
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        (!text.is_empty()).then_some(text)
    }

    /// Why this must not be lost, if so.
    pub(super) fn judge(&self, wanted: &Wanted<'_>, accepted: Option<Accepted>) -> Option<Refusal> {
        let manifest = &wanted.backup.manifest;
        self.refusal((&manifest.file, wanted.foreign.as_deref(), wanted.by_hand), accepted)
    }

    fn refusal(
        &self,
        (name, foreign, by_hand): (&str, Option<&str>, bool),
        accepted: Option<Accepted>,
    ) -> Option<Refusal> {
        let refuse = |why: String, help: String, has_rows: bool| {
            Some(Refusal { why: format!("restore blocked: {why}"), help, has_rows })
        };
        let all = format!("`stairway restore {name} --accept-loss all` accepts it");
        if let Some(gid) = self.prepared.first() {
            let why = format!("the prepared transaction {gid:?} has not ended, and would be lost");
            let help = "COMMIT PREPARED or ROLLBACK PREPARED it, once you know whose it is; then \
                        `stairway restore` again";
            return refuse(why, help.to_owned(), false);
        }
        if accepted == Some(Accepted::All) {
            return None;
        }
        if let Some(foreign) = foreign {
            let help = format!("{all}, with --from-other-server");
            return refuse(format!("{foreign}; all that is here would be lost"), help, false);
        }
        if let Some(first) = self.moves.first().filter(|_| !by_hand) {
            let why = format!("another run has moved the database since: {first}");
            return refuse(why, all, false);
        }
        let rows = self.rows();
        if let Some(tables) = self.untold().filter(|_| !self.is_fenced) {
            let mut why = format!(
                "what others wrote in {tables} since the backup can't be told: the migration changed \
                 rows there, or they are not the ones that were backed up"
            );
            if rows > 0 {
                let _ = write!(why, "; {rows} row versions at least would be lost");
            }
            return refuse(why, format!("{all}; --fence keeps others out next time"), rows > 0);
        }
        let most = Accepted::rows(accepted);
        let tables = self.written.iter().filter(|it| it.rows > 0).count();
        let why = format!("{rows} row versions in {tables} tables would be lost");
        let help = format!(
            "--fence does not help afterwards: `stairway restore {name} --accept-loss {rows}` accepts \
             it by its number"
        );
        if rows > most { refuse(why, help, true) } else { None }
    }

    /// Says what is lost by a restore that is made.
    pub(super) fn tell(&self, run: &mut Run<'_>, wanted: &Wanted<'_>) {
        if let Some(foreign) = &wanted.foreign {
            run.warn(format!("--accept-loss: all that is here is lost: {foreign}"));
        }
        let rows = self.rows();
        if rows > 0 {
            run.warn(format!(
                "--accept-loss: {rows} row versions written since the backup are lost"
            ));
        }
        if let Some(tables) = self.untold().filter(|_| !self.is_fenced) {
            run.warn(format!("--accept-loss: what others wrote in {tables} is lost"));
        }
        for one in &self.moves {
            run.warn(format!("undone with it: the {one}"));
        }
    }

    /// Writes the rows that would be lost beside the journal, and says so in `refusal`.
    pub(super) async fn export(
        &self,
        run: &mut Run<'_>,
        session: &mut Session,
        wanted: &Wanted<'_>,
        refusal: &mut Refusal,
    ) {
        if !refusal.has_rows {
            return;
        }
        match export(run, session, wanted, &self.written).await {
            Ok(Some(folder)) => {
                let _ = write!(refusal.why, ", exported to {}", folder.display());
            }
            Ok(None) => {}
            Err(error) => run.warn(format!("the rows can't be exported: {}", discreet(&error))),
        }
    }
}

fn dotted((schema, name): &(String, String)) -> String {
    format!("{schema}.{name}")
}

/// Where rows are exported that would be lost, beside the journal; for their owner only.
pub(super) fn written_folder(run: &Run<'_>) -> Result<Option<PathBuf>, PostgresError> {
    let Some(folder) = run.folder().map(|folder| folder.join("written")) else { return Ok(None) };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| PostgresError::Unexpected(error.to_string()))?;
    Ok(Some(folder))
}

/// The file in it for one table; one of an earlier try is removed.
pub(super) fn file_of(folder: &Path, table: &(String, String)) -> PathBuf {
    let file = folder.join(format!("{}.csv", dotted(table).replace('/', "_")));
    let _ = std::fs::remove_file(&file);
    file
}

async fn export(
    run: &Run<'_>,
    session: &mut Session,
    wanted: &Wanted<'_>,
    written: &[Written],
) -> Result<Option<PathBuf>, PostgresError> {
    let Some(folder) = written_folder(run)? else { return Ok(None) };
    let (manifest, runs) = (&wanted.backup.manifest, wanted.runs(run));
    let since = SinceBackup {
        snapshot: &manifest.snapshot,
        held: &manifest.contents,
        runs: &runs,
        xids: &xids(run),
        before: None,
        ignore: &[],
    };
    for table in written.iter().filter(|it| it.rows > 0) {
        steps::export(session, &table.table, &since, &file_of(&folder, &table.table)).await?;
    }
    Ok(Some(folder))
}

#[cfg(test)]
mod tests {
    use super::{Accepted, Loss, Refusal};
    use crate::steps::Written;

    fn loss(rows: u64, is_all: bool, is_fenced: bool, prepared: &[&str]) -> Loss {
        let table = ("public".to_owned(), "t".to_owned());
        let written = vec![Written { table, rows, is_all }];
        let prepared = prepared.iter().map(|gid| (*gid).to_owned()).collect();
        Loss { written, moves: Vec::new(), prepared, is_fenced }
    }

    fn judged(loss: &Loss, foreign: Option<&str>, accepted: Option<Accepted>) -> Option<Refusal> {
        loss.refusal(("a.dump", foreign, true), accepted)
    }

    #[test]
    fn a_loss_is_accepted_by_its_number_only_where_it_can_be_counted() {
        let (number, all) = (Some(Accepted::Rows(5)), Some(Accepted::All));
        for (loss, accepted, is_made) in [
            (loss(0, true, false, &[]), None, true),
            (loss(5, true, false, &[]), None, false),
            (loss(5, true, false, &[]), number, true),
            (loss(6, true, false, &[]), number, false),
            (loss(6, true, true, &[]), None, false),
            (loss(0, false, false, &[]), number, false),
            (loss(0, false, false, &[]), all, true),
            (loss(0, false, true, &[]), None, true),
            (loss(0, true, false, &["other's"]), all, false),
        ] {
            let refusal = judged(&loss, None, accepted);
            assert_eq!(refusal.is_none(), is_made, "{loss:?} {accepted:?} {refusal:?}");
        }
    }

    #[test]
    fn a_prepared_transaction_is_named_with_what_to_do() {
        let refusal = judged(&loss(0, true, false, &["job 7"]), None, None).unwrap();
        assert!(refusal.to_string().contains("\"job 7\" has not ended"), "{refusal}");
        assert!(refusal.help.contains("ROLLBACK PREPARED"), "{}", refusal.help);
    }

    #[test]
    fn of_another_server_everything_is_lost() {
        let nothing = loss(0, true, false, &[]);
        let judge = |accepted| judged(&nothing, Some("of another server"), accepted);
        assert!(judge(Some(Accepted::Rows(1 << 40))).is_some() && judge(None).is_some());
        assert!(judge(Some(Accepted::All)).is_none());
    }
}
