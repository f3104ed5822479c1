//! A history of branches in the order in which one database goes, so that a place in it is a number.

use crate::migrations::order_at;
use crate::postgres::PostgresError;
use crate::steps::Ledger;

use super::journal::Journal;
use super::request::Request;
use super::site::reach;

/// The request with its history in the order in which its database goes: what is applied comes first, then
/// what is asked for. Where that can't be told the run itself says why, when it looks.
pub async fn ordered(request: Request) -> Request {
    if !request.history.tool.knows_parents() {
        return request;
    }
    let Ok(applied) = Box::pin(applied(&request)).await else { return request };
    // Runs that are settled first may stand anywhere on their way.
    let open = Journal::open_runs(&request.state).unwrap_or_default();
    let history = &request.history;
    let moved = open.iter().flat_map(|begun| &begun.moves).filter_map(|one| {
        let migration = history.migrations.iter().find(|it| it.revision == one.revision)?;
        Some(migration.version.clone())
    });
    let moved: Vec<String> = moved.collect();
    let mut ordered = request.history.clone();
    let mut order = |word| order_at(&mut ordered, &applied, &moved, word);
    if order(Some(&request.goal)).or_else(|_| order(None)).is_err() {
        return request;
    }
    Request { history: ordered, ..request }
}

async fn applied(request: &Request) -> Result<Vec<crate::migrations::Applied>, PostgresError> {
    let mut session = reach(&request.target, "order", request.patience.connect).await?;
    request.patience.profile(true).take(&mut session).await?;
    let (ledger, is_there) = Ledger::find(&mut session, &request.history.records).await?;
    let applied =
        if is_there { ledger.read(&mut session, &request.history).await? } else { Vec::new() };
    session.close().await?;
    Ok(applied)
}
