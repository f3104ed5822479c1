//! What is looked at before anything is done, and what of it refuses the run. Reads only.

use std::fmt::Write;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use crate::backup::{BackupError, Store};
use crate::checks::size;
use crate::exit::Exit;
use crate::finding::CheckId;
use crate::migrations::{Applied, History, Place, compare, resolve, route};
use crate::postgres::{PostgresError, Session, quote_ident};
use crate::schema::Snapshot;
use crate::server::{Chosen, Programs, ServerSpec, client_programs};
use crate::sql;
use crate::steps::{self, Facts, Ledger, Other};

use super::account::{Remark, Weight};
use super::attested::attested;
use super::request::Request;
use super::room;
use super::run::{Run, Stop};
use super::site::{Seen, Site, SiteError, Way, revision_at};

/// What a run knows before it begins.
#[derive(Debug)]
pub(super) struct Known<'r> {
    pub(super) site: Site<'r>,
    pub(super) facts: Facts,
    pub(super) way: Way<'r>,
    pub(super) applied: Vec<Applied>,
    pub(super) schema: Snapshot,
    pub(super) programs: Option<Programs>,
    pub(super) store: Option<Store>,
    /// Where the copy will be made, if that is known already.
    pub(super) copy: Option<Chosen>,
}

/// What helps where the database can't be reached.
pub(super) const REACH: &str = "check DATABASE_URL, the password and that the server listens; \
                                `stairway current` tries the same";

/// What is too far behind for a standby, in bytes: a migration would only make it worse.
const LAG: u64 = 1 << 30;

/// Looks at everything; gives all remarks in the run's account, and stops where one refuses.
pub(super) async fn preflight<'r>(
    run: &mut Run<'_>,
    request: &'r Request,
) -> Result<Known<'r>, Stop> {
    let exit = Exit::PreflightRefused;
    let found = Site::find(request).await;
    let (site, mut session) = found.map_err(|error| out_of_reach(run, &error))?;
    run.account.server = Some(site.version.to_string());
    not_pooled(run);
    let asked = |error: &SiteError| match error.postgres() {
        Some(error) => Stop::postgres(exit, "the database can't be looked at", error),
        None => Stop::new(exit, error.to_string()),
    };
    let facts = steps::facts(&mut session).await.map_err(|error| asked(&error.into()))?;
    role(run, request, &facts);
    server(run, &facts);
    let seen = site.look().await.map_err(|error| asked(&error))?;
    let way = history(run, request, &seen)?;
    if let Some(it) = attested(request, &way, &facts.identity, site.version.major) {
        tell(run, it);
    }
    indexes(run, &facts, &way);
    let others = steps::others(&mut session).await.map_err(|error| asked(&error.into()))?;
    sessions(run, request, &facts, &others);
    drift(run, request, &mut session, &seen).await.map_err(|error| asked(&error))?;
    let (programs, store) = if request.switches.skip_backup || way.moves.is_empty() {
        (None, None)
    } else {
        backups(run, request, &site)
    };
    let copy = match &store {
        Some(_) => room(run, request, &site, &facts).await,
        None => None,
    };
    // A session that is gone by now says so in the next step.
    let _ = session.close().await;
    let schema = seen.schema;
    refuse(run)?;
    Ok(Known { site, facts, way, applied: seen.applied, schema, programs, store, copy })
}

/// The little that a restore by hand has to know: which database this is, and whether the role may do
/// it.
pub(super) async fn preflight_of(
    run: &mut Run<'_>,
    site: &Site<'_>,
) -> Result<steps::Identity, Stop> {
    let asked = |error: &SiteError| match error.postgres() {
        Some(error) => {
            Stop::postgres(Exit::PreflightRefused, "the database can't be looked at", error)
        }
        None => Stop::new(Exit::PreflightRefused, error.to_string()),
    };
    let mut session = site.reader("preflight").await.map_err(|error| asked(&error.into()))?;
    let facts = steps::facts(&mut session).await.map_err(|error| asked(&error.into()))?;
    not_pooled(run);
    server(run, &facts);
    if let Some(lacks) = facts.lacks_for_restore() {
        let message = format!("role {} can't restore: it lacks {lacks}", facts.role);
        // Where nobody else is connected there are no sessions to end.
        let is_needed = !(facts.may_create_databases && facts.owns_database);
        let weight = if is_needed { Weight::Refused } else { Weight::Warning };
        remark(
            run,
            "role",
            weight,
            message,
            Some("grant it, or name another role in DATABASE_URL"),
        );
    }
    refuse(run)?;
    let _ = session.close().await;
    Ok(facts.identity)
}

pub(super) fn refuse(run: &Run<'_>) -> Result<(), Stop> {
    let refused: Vec<&Remark> =
        run.account.preflight.iter().filter(|it| it.weight == Weight::Refused).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let mut message = first.message.clone();
    if refused.len() > 1 {
        let _ = write!(message, "; and {} more", refused.len() - 1);
    }
    let stop = Stop::new(Exit::PreflightRefused, message);
    Err(match &first.help {
        Some(help) => stop.help(help.clone()),
        None => stop,
    })
}

/// Why the database can't be worked on, if it could not even be reached.
fn out_of_reach(run: &mut Run<'_>, error: &PostgresError) -> Stop {
    if !matches!(error, PostgresError::Pooled) {
        let exit = Exit::PreflightRefused;
        return Stop::postgres(exit, "the database can't be reached", error).help(REACH);
    }
    let help = "name the server itself in DATABASE_URL, not the pooler; its session mode would do";
    remark(run, "pooler", Weight::Refused, error.to_string(), Some(help));
    Stop::new(Exit::PreflightRefused, error.to_string()).help(help)
}

/// [`Site::find`] has seen to it.
fn not_pooled(run: &mut Run<'_>) {
    remark(run, "pooler", Weight::Fine, "each session has a server process of its own", None);
}

/// Decides where the copy will be made, and looks for room for all that will be written.
async fn room(
    run: &mut Run<'_>,
    request: &Request,
    site: &Site<'_>,
    facts: &Facts,
) -> Option<Chosen> {
    let copy = if request.switches.skip_test {
        None
    } else {
        // Why none can be had is said when it is needed.
        Chosen::find(&copy_spec(run, request, site, facts)).await.ok()
    };
    for it in room::look(request, facts, copy.as_ref()) {
        tell(run, it);
    }
    copy
}

/// What server the copy is made on.
pub(super) fn copy_spec(
    run: &Run<'_>,
    request: &Request,
    site: &Site<'_>,
    facts: &Facts,
) -> ServerSpec {
    ServerSpec {
        major: Some(site.version.major),
        room: facts.size,
        purpose: Some(format!("run {}", run.id())),
        ..request.copy.clone()
    }
}

/// Remarks go through here so that each is told when it is made.
fn remark(
    run: &mut Run<'_>,
    about: &'static str,
    weight: Weight,
    message: impl Into<String>,
    help: Option<&str>,
) {
    tell(run, Remark::new(about, weight, message.into(), help));
}

fn tell(run: &mut Run<'_>, remark: Remark) {
    match remark.weight {
        Weight::Fine => {}
        Weight::Warning => run.note(format!("warning: {}", remark.message)),
        Weight::Refused => run.note(format!("refused: {}", remark.message)),
    }
    run.account.preflight.push(remark);
}

fn role(run: &mut Run<'_>, request: &Request, facts: &Facts) {
    let needs_dump = !request.switches.skip_backup;
    if !facts.may_create_schemas {
        let message = format!("role {} may not make the schema stairway here", facts.role);
        let help = "GRANT CREATE ON DATABASE .. TO it, or make the schema and give it to the role";
        remark(run, "role", Weight::Refused, message, Some(help));
    }
    if needs_dump && let Some(first) = facts.unreadable.first() {
        let more = facts.unreadable.len() - 1;
        let message =
            format!("role {} may not read {first} (and {more} more): no backup", facts.role);
        let help = "grant pg_read_all_data to it, or name the owner's role in DATABASE_URL";
        remark(run, "role", Weight::Refused, message, Some(help));
    }
    if needs_dump && let Some(first) = facts.row_secured.first() {
        let message =
            format!("row security hides rows of {first} from role {}: no backup", facts.role);
        remark(run, "role", Weight::Refused, message, Some("give the role BYPASSRLS"));
    }
    if let Some(lacks) = facts.lacks_for_restore() {
        let message = format!("role {} can't restore: it lacks {lacks}", facts.role);
        let help = "grant it; without it the only way back will be the downgrade";
        remark(run, "role", Weight::Warning, message, Some(help));
    }
    if request.switches.fence && !facts.may_fence() {
        let message =
            format!("role {} can't close a fence: it does not own the database", facts.role);
        remark(run, "fence", Weight::Refused, message, Some("name the owner in DATABASE_URL"));
    }
}

fn server(run: &mut Run<'_>, facts: &Facts) {
    if facts.in_recovery {
        let help = "connect to the primary";
        remark(run, "standby", Weight::Refused, "this server is a hot standby", Some(help));
    }
    if !facts.prepared.is_empty() {
        let message = format!(
            "{} prepared transactions hold their locks, the first is {:?}",
            facts.prepared.len(),
            facts.prepared.first().map_or("", String::as_str)
        );
        let help = "COMMIT PREPARED or ROLLBACK PREPARED it, once you know whose it is";
        remark(run, "prepared transactions", Weight::Refused, message, Some(help));
    }
    if !facts.synchronous.is_empty() && !facts.has_synchronous {
        let message = format!(
            "COMMIT waits for a synchronous standby ({}), and none is connected",
            facts.synchronous
        );
        remark(run, "replication", Weight::Refused, message, Some("bring the standby back first"));
    }
    if facts.lag > LAG {
        let message = format!("the slowest standby is {} behind", size(facts.lag));
        remark(run, "replication", Weight::Refused, message, Some("wait until it has caught up"));
    } else if facts.lag > 0 {
        let message = format!("the slowest standby is {} behind", size(facts.lag));
        remark(run, "replication", Weight::Fine, message, None);
    }
}

/// The version table against the files, and the way from here.
fn history<'r>(run: &mut Run<'_>, request: &'r Request, seen: &Seen) -> Result<Way<'r>, Stop> {
    let (applied, history) = (&seen.applied, &request.history);
    astray(run, request, &seen.ledger);
    if let Some(row) = applied.iter().find(|row| !row.whole) {
        let message = format!("{} was begun and not finished (dirty)", row.version);
        let help = unfinished(row, history);
        remark(run, "history", Weight::Refused, message, Some(&help));
    }
    let last = revision_at(history, Place(applied.len()));
    let accept =
        format!("put the file back; `stairway stamp {last} --reason ..` accepts the new text");
    for finding in history.findings.iter().cloned().chain(compare(applied, history)) {
        let help = match finding.check {
            CheckId::ChecksumMismatch => &accept,
            CheckId::UnknownRevision => "check the folder, the branch and the database",
            _ => "`stairway history` and `stairway current` show both sides",
        };
        // Whoever asks for all heads has them.
        let is_split = finding.check == CheckId::MultipleHeads && history.tool.knows_parents();
        let weight = if is_split { Weight::Warning } else { Weight::Refused };
        remark(run, "history", weight, finding.message, Some(help));
    }
    refuse(run)?;
    let from = Place(applied.len());
    let to = resolve(&request.goal, history, from).map_err(|error| {
        Stop::new(Exit::Usage, format!("can't locate revision {:?}: {error}", request.goal))
            .help("`stairway history` lists the revisions")
    })?;
    run.account.from = Some(revision_at(history, from));
    run.account.to = Some(revision_at(history, to));
    let is_up = request.verb == crate::migrations::Direction::Upgrade;
    if (is_up && to < from) || (!is_up && to > from) {
        let (verb, other) = (request.verb.as_str(), request.verb.back().as_str());
        let message = format!("{} is not {verb} from here", request.goal);
        return Err(
            Stop::new(Exit::Usage, message).help(format!("did you mean `stairway {other}`?"))
        );
    }
    let moves = route(history, from, to);
    if let Some(one) = moves.iter().find(|one| one.script().is_none()) {
        let message = format!("{} has no downgrade", one.migration.revision);
        remark(run, "history", Weight::Refused, message, Some("restore a backup instead"));
    }
    let mut schemas = vec![Some(seen.schema.clone())];
    schemas.resize(moves.len() + 1, None);
    Ok(Way { from, moves, schemas, invalid: seen.invalid.clone() })
}

/// A version table that the tool itself would not find, or that can't be made where it belongs.
pub(super) fn astray(run: &mut Run<'_>, request: &Request, ledger: &Ledger) {
    if let Some(schema) = ledger.missing_schema() {
        let message =
            format!("the version table belongs into the schema {schema}, which is not there");
        let help = format!("CREATE SCHEMA {}; then run this again", quote_ident(schema));
        remark(run, "history", Weight::Refused, message, Some(&help));
    }
    let Some(astray) = ledger.astray() else { return };
    let ((schema, table), tool, looks_in) =
        (ledger.names(), request.history.tool, &astray.looks_in);
    let (weight, message) = if astray.is_one_of_several {
        let message =
            format!("{table} is in several schemas, and none of them is on the search path");
        (Weight::Refused, message)
    } else {
        let message = format!(
            "the version table is {schema}.{table}; {tool} would make another in {looks_in}"
        );
        (Weight::Warning, message)
    };
    let help = "name its schema first: ALTER ROLE .. SET search_path, or options in DATABASE_URL";
    remark(run, "history", weight, message, Some(help));
}

/// The next command where a tool has left a migration half-way.
fn unfinished(row: &Applied, history: &History) -> String {
    let at = history.position(&row.version);
    let whole = revision_at(history, Place(at.map_or(0, |at| at + 1)));
    let stamp = |revision: &str| format!("`stairway stamp {revision} --reason ..`");
    match at {
        // What golang-migrate calls -1, too: the way to no migration at all.
        None => format!("look at the database; if nothing of it is there, {}", stamp(&whole)),
        Some(at) => format!(
            "look at the database: {} if all of it is there, {} if nothing is",
            stamp(&whole),
            stamp(&revision_at(history, Place(at)))
        ),
    }
}

/// Indexes that are invalid already are not ours; they refuse what speaks of their tables.
fn indexes(run: &mut Run<'_>, facts: &Facts, way: &Way<'_>) {
    for (index, table) in &facts.invalid_indexes {
        let names_it = |text: &str| {
            sql::tokens(text).any(|token| {
                text.get(token.bytes)
                    .is_some_and(|word| word.trim_matches('"').eq_ignore_ascii_case(table))
            })
        };
        let is_touched = way
            .moves
            .iter()
            .filter_map(crate::migrations::Move::script)
            .any(|it| names_it(&it.text));
        let weight = if is_touched { Weight::Refused } else { Weight::Warning };
        let message = format!("index {index} was invalid before this run");
        let help = "REINDEX INDEX CONCURRENTLY it, or drop it; this tool never does so by itself";
        remark(run, "invalid indexes", weight, message, Some(help));
    }
}

fn sessions(run: &mut Run<'_>, request: &Request, facts: &Facts, others: &[Other]) {
    let limit = request.patience.transaction.as_secs();
    let hidden = others.iter().filter(|other| other.hidden).count();
    if !facts.sees_sessions {
        let message = format!(
            "role {} does not see what sessions of other roles do ({hidden} are here): their open \
             transactions were not looked at",
            facts.role
        );
        let help = "GRANT pg_read_all_stats TO it";
        remark(run, "transactions", Weight::Warning, message, Some(help));
    }
    for other in others {
        let Other { pid, role, application, state, transaction, hidden: _ } = other;
        let who = format!("process {pid} ({application}, role {role}, {state})");
        let seconds = transaction.unwrap_or_default();
        if application.contains("pg_dump") {
            let message = format!("a dump is running: {who}, since {seconds} s");
            let help = "wait until it has ended: what alters a table would queue behind it";
            remark(run, "dumps", Weight::Refused, message, Some(help));
        } else if transaction.is_some() && seconds >= limit {
            let message = format!("{who} has a transaction open for {seconds} s");
            let help = "end it, or allow more with --max-transaction";
            remark(run, "transactions", Weight::Refused, message, Some(help));
        }
        if request.switches.fence && *role == facts.role && !application.starts_with("stairway") {
            let message = format!("{who} has this run's role: a fence can't keep it out");
            let help = "give migrations a role that no application has";
            remark(run, "fence", Weight::Refused, message, Some(help));
        }
    }
}

/// Whether somebody changed the schema since the last run.
async fn drift(
    run: &mut Run<'_>,
    request: &Request,
    session: &mut Session,
    seen: &Seen,
) -> Result<(), SiteError> {
    if !steps::has_audit(session).await? {
        return Ok(());
    }
    let Some((left, text)) = steps::last_schema(session).await? else { return Ok(()) };
    let now = revision_at(&request.history, Place(seen.applied.len()));
    if left != now {
        let message = format!(
            "the last run left the database at {left}, and {} or somebody moved it to {now}: whether \
             something else changed it, too, can't be told",
            request.history.tool
        );
        remark(run, "drift", Weight::Warning, message, None);
        return Ok(());
    }
    let (last, schema) = (Snapshot::parse(&text)?, &seen.schema);
    if last.major() != schema.major() || last == *schema {
        return Ok(());
    }
    let weight = if request.switches.allow_drift { Weight::Warning } else { Weight::Refused };
    let message = format!(
        "the schema was changed since the last run, by something else than a migration:\n{}",
        last.diff(schema).render()
    );
    let help = "take it back or write it down as a migration; --allow-drift goes on";
    remark(run, "drift", weight, message, Some(help));
    Ok(())
}

fn backups(
    run: &mut Run<'_>,
    request: &Request,
    site: &Site<'_>,
) -> (Option<Programs>, Option<Store>) {
    let programs = match client_programs(site.version.major) {
        Ok(programs) => {
            let message = format!("pg_dump {}", programs.version);
            remark(run, "programs", Weight::Fine, message, None);
            Some(programs)
        }
        Err(error) => {
            remark(run, "programs", Weight::Refused, error.to_string(), None);
            None
        }
    };
    let opened = if request.switches.dry_run {
        could_write(&request.backups).map(|()| Store::at(&request.backups))
    } else {
        Store::open(&request.backups)
    };
    let store = match opened {
        Ok(store) => Some(store),
        Err(error) => {
            let message = format!(
                "no backup can be written to {}: {}",
                request.backups.display(),
                causes(&error)
            );
            let help = "make the folder writable, or name another one with BACKUP_DIR";
            remark(run, "backups", Weight::Refused, message, Some(help));
            None
        }
    };
    (programs, store)
}

/// Whether a folder could be made or written, as far as can be told without trying.
fn could_write(folder: &Path) -> Result<(), BackupError> {
    let there = folder.ancestors().find(|it| it.exists()).unwrap_or(folder);
    let allowed = if there.is_dir() {
        access(there, AccessFlags::W_OK | AccessFlags::X_OK).map_err(std::io::Error::from)
    } else {
        Err(std::io::ErrorKind::NotADirectory.into())
    };
    allowed.map_err(|source| BackupError::Write { path: there.to_owned(), source })
}

fn causes(error: &BackupError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
