//! Telling the channels of a deployment how a run ended, after it has let go of its lock.

use std::path::PathBuf;

use tokio::sync::oneshot;

use crate::alert::{self, Channel, Delivery, Notice, Outcome, Severity};
use crate::config::Deployment;
use crate::exit::Exit;
use crate::runs::production::{Account, State};
use crate::secret::Scrubber;

use super::printer::Printer;

/// The channels, and what is the same in all that they are told.
#[derive(Debug)]
pub(super) struct Bell<'s> {
    channels: Vec<Channel>,
    spool: PathBuf,
    service: String,
    environment: String,
    scrubber: &'s Scrubber,
}

impl<'s> Bell<'s> {
    pub(super) fn new(channels: Vec<Channel>, place: &Deployment, scrubber: &'s Scrubber) -> Self {
        let service = place.target.database_name().unwrap_or_else(|| place.target.role());
        Self {
            channels,
            spool: place.state.join("spool"),
            service: service.to_owned(),
            environment: place.environment.to_string(),
            scrubber,
        }
    }

    /// Tells how a run ended, after what could not be delivered earlier. Gives what could not be
    /// delivered now.
    pub(super) async fn ends(
        &self,
        account: &Account,
        report: Option<String>,
        printer: &mut Printer,
    ) -> Option<String> {
        if self.channels.is_empty() {
            return None;
        }
        for Delivery { channel, address, run, event, outcome } in
            alert::resend(&self.channels, &self.spool).await
        {
            let became = match outcome {
                Outcome::Delivered { .. } => "was told now".to_owned(),
                Outcome::Spooled { why, .. } => format!("is not told yet: {why}"),
                Outcome::Lost { why } => format!("will not be told: {why}"),
                Outcome::Skipped => continue,
            };
            printer.status(&format!("alert: {channel} at {address} {became} ({event} of {run})"));
        }
        let notice = self.notice(account, report);
        let deliveries = alert::deliver(&self.channels, &notice, &self.spool).await;
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for Delivery { channel, address, outcome, .. } in deliveries {
            match outcome {
                Outcome::Delivered { tries } => {
                    printer
                        .status(&format!("alert: {channel} at {address} was told (try {tries})"));
                }
                Outcome::Spooled { .. } => kept.push(format!("{channel} at {address}")),
                Outcome::Lost { why } => lost.push(format!("{channel} at {address}: {why}")),
                Outcome::Skipped => {}
            }
        }
        untold(&kept, &lost)
    }

    /// Tells that a run begins, once it has an id. Gives lines on who could not be told: that is said
    /// and fails nothing, since the end will be told.
    pub(super) async fn begins(&self, verb: &str, begun: oneshot::Receiver<String>) -> Vec<String> {
        let Ok(run) = begun.await else { return Vec::new() };
        let notice = Notice {
            run,
            event: format!("{verb}.started"),
            // Nothing is changed yet.
            state: State::Before.as_str().to_owned(),
            severity: Severity::Info,
            service: self.service.clone(),
            status: "started".to_owned(),
            revision: None,
            environment: self.environment.clone(),
            duration_seconds: 0.0,
            summary: format!("{verb} begins"),
            exit: Exit::Clean.code(),
            report_sha256: None,
            at: jiff::Timestamp::now().to_string(),
        };
        let deliveries = alert::deliver(&self.channels, &notice, &self.spool).await;
        let line = |Delivery { channel, address, outcome, .. }| match outcome {
            Outcome::Lost { why } => {
                Some(format!("alert: {channel} at {address} was not told of the beginning: {why}"))
            }
            _ => None,
        };
        deliveries.into_iter().filter_map(line).collect()
    }

    fn notice(&self, account: &Account, report_sha256: Option<String>) -> Notice {
        let (word, severity) = match account.exit {
            Exit::Clean => ("succeeded", Severity::Info),
            Exit::Undelivered => ("succeeded", Severity::Warning),
            Exit::RolledBack | Exit::Restored => ("rolled-back", Severity::Critical),
            Exit::Unknown | Exit::RollbackRefused => ("unknown", Severity::Critical),
            _ => ("failed", Severity::Warning),
        };
        Notice {
            run: account.run.clone(),
            event: format!("{}.{word}", account.verb),
            state: account.state.as_str().to_owned(),
            severity,
            service: self.service.clone(),
            status: if severity == Severity::Info { "success" } else { word }.to_owned(),
            revision: match account.state {
                State::Before => account.from.clone(),
                State::After => account.to.clone(),
                State::Unknown => None,
            },
            environment: self.environment.clone(),
            duration_seconds: account.seconds,
            summary: self.scrubber.scrub(&account.outcome).into_owned(),
            exit: account.exit.code(),
            report_sha256,
            at: jiff::Timestamp::now().to_string(),
        }
    }
}

/// Who was not told of the end, if anybody was not.
fn untold(kept: &[String], lost: &[String]) -> Option<String> {
    let kept =
        (!kept.is_empty()).then(|| format!("not told, kept for the next run: {}", kept.join(", ")));
    let lost = (!lost.is_empty()).then(|| format!("not told, and not kept: {}", lost.join(", ")));
    let lines: Vec<String> = kept.into_iter().chain(lost).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::untold;

    #[test]
    fn what_is_lost_is_not_said_to_be_kept() {
        assert_eq!(untold(&[], &[]), None);
        let (kept, lost) = (["a at b".to_owned()], ["c at d: no room".to_owned()]);
        assert_eq!(untold(&kept, &[]).unwrap(), "not told, kept for the next run: a at b");
        let both = untold(&kept, &lost).unwrap();
        assert!(both.ends_with("\nnot told, and not kept: c at d: no room"), "{both}");
    }
}
