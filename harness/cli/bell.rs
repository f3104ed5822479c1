//! Telling the channels of a deployment how a run ended, after it has let go of its lock.

use std::path::PathBuf;

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
        let _ = alert::resend(&self.channels, &self.spool).await;
        let notice = self.notice(account, report);
        let deliveries = alert::deliver(&self.channels, &notice, &self.spool).await;
        let mut open = Vec::new();
        for delivery in &deliveries {
            let Delivery { channel, address, outcome, .. } = delivery;
            match outcome {
                Outcome::Delivered { tries } => {
                    printer
                        .status(&format!("alert: {channel} at {address} was told (try {tries})"));
                }
                _ if delivery.is_open() => open.push(format!("{channel} at {address}")),
                _ => {}
            }
        }
        (!open.is_empty()).then(|| format!("not told, kept for the next run: {}", open.join(", ")))
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
