//! One notice to all channels at once, and what waits from before.
//!
//! Knows the order: what is to be told is written down, sent, and removed when it was taken.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::channel::{Channel, Receiver};
use super::http::{self, Untaken};
use super::notice::{Notice, Outlook};
use super::receivers;
use super::spool::{self, Kept, Queue};
use super::{Delivery, Outcome};

/// Requests end within their budgets; where one does not, it is not waited for any longer.
const GRACE: Duration = Duration::from_secs(2);

/// Tells all channels that ask for the notice, side by side, each within its own limits; so it
/// takes no longer than the largest budget. What a receiver does not take stays as a file of mode
/// 0600 in `spool`, a folder that is made if it is missing, for [`resend`]. The file is there
/// before anything is sent: who stops waiting loses nothing.
///
/// Gives one delivery for each channel, in their order.
pub async fn deliver(channels: &[Channel], notice: &Notice, spool: &Path) -> Vec<Delivery> {
    join_all(channels.iter().map(|channel| told(channel, notice, spool))).await
}

/// Tries what [`deliver`] has kept in `spool`, the oldest first, each once and all of a channel
/// within its budget; after the first that the receiver does not answer, the rest of the channel
/// waits on. What was taken is removed. So is what is older than seven days, which is told as
/// [`Outcome::Lost`]. What another process is sending is left to it, and what is kept for other
/// channels stays.
///
/// Gives one delivery for each that was tried or given up.
pub async fn resend(channels: &[Channel], spool: &Path) -> Vec<Delivery> {
    let (fresh, old) = spool::waiting(spool);
    let given_up = old.into_iter().map(|(entry, kept)| {
        entry.remove();
        let why = "it could not be delivered for seven days".to_owned();
        delivery(&kept, Outcome::Lost { why })
    });
    let mut deliveries: Vec<Delivery> = given_up.collect();
    let mut queues: Vec<Queue> = channels.iter().map(|_| Vec::new()).collect();
    for (entry, kept) in fresh {
        let at = channels.iter().position(|channel| channel.name == kept.channel);
        if let Some(queue) = at.and_then(|at| queues.get_mut(at)) {
            queue.push((entry, kept));
        }
    }
    let sent = channels.iter().zip(queues).map(|(channel, queue)| drained(channel, queue));
    deliveries.extend(join_all(sent).await.into_iter().flatten());
    deliveries
}

/// What became of a notice for one channel.
async fn told(channel: &Channel, notice: &Notice, folder: &Path) -> Delivery {
    let kept = Kept::new(channel, notice, receivers::payload(channel, notice));
    if !channel.wants(notice) {
        return delivery(&kept, Outcome::Skipped);
    }
    // When the beginning of a run is told later, the run has ended; nor should it wait for that.
    let is_beginning = notice.outlook() == Outlook::Started;
    let tries = if is_beginning { 1 } else { channel.limits.tries };
    let entry = (!is_beginning).then(|| spool::keep(folder, &kept));
    let path = entry.as_ref().and_then(|entry| entry.as_ref().ok()).map(|it| it.path().to_owned());
    let lost = match &entry {
        Some(Err(error)) => format!("; it can't be kept in {}: {error}", folder.display()),
        _ => String::new(),
    };
    let holds_state = matches!(channel.receiver, Receiver::Alertmanager | Receiver::Healthchecks)
        && !is_beginning;
    let (job, delivered, folder) = (channel.clone(), kept.clone(), folder.to_owned());
    let sent = on_a_thread(channel.limits.budget, move || {
        let deadline = Instant::now() + job.limits.budget;
        let Kept { payload, .. } = &delivered;
        let tries = http::send(&job, payload, &delivered.key(), tries, deadline)?;
        // Dropping the entry would only give the lock back.
        if let Some(Ok(entry)) = entry {
            entry.remove();
        }
        if holds_state {
            spool::settle(&folder, &delivered);
        }
        Ok(tries)
    });
    let outcome = match sent.await.unwrap_or_else(|why| Err(Untaken { why, is_final: false })) {
        Ok(tries) => Outcome::Delivered { tries },
        Err(Untaken { why, .. }) => match path {
            Some(path) => Outcome::Spooled { why, path },
            None => Outcome::Lost { why: why + &lost },
        },
    };
    delivery(&kept, outcome)
}

/// Sends what waits for a channel, in its order.
async fn drained(channel: &Channel, queue: Queue) -> Vec<Delivery> {
    if queue.is_empty() {
        return Vec::new();
    }
    let job = channel.clone();
    let sent = on_a_thread(channel.limits.budget, move || {
        let deadline = Instant::now() + job.limits.budget;
        let mut deliveries = Vec::new();
        for (entry, kept) in queue {
            match http::send(&job, &kept.payload, &kept.key(), 1, deadline) {
                Ok(tries) => {
                    entry.remove();
                    deliveries.push(delivery(&kept, Outcome::Delivered { tries }));
                }
                Err(Untaken { why, is_final }) => {
                    let path = entry.path().to_owned();
                    deliveries.push(delivery(&kept, Outcome::Spooled { why, path }));
                    if !is_final {
                        break;
                    }
                }
            }
        }
        deliveries
    });
    sent.await.unwrap_or_default()
}

fn delivery(kept: &Kept, outcome: Outcome) -> Delivery {
    Delivery {
        channel: kept.channel.clone(),
        address: kept.address.clone(),
        run: kept.run.clone(),
        event: kept.event.clone(),
        outcome,
    }
}

/// Does blocking work on a thread of its own. The threads of a runtime would be waited for when it
/// ends, however long they take.
async fn on_a_thread<T: Send + 'static>(
    budget: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name("alert".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = tell.send(work());
    });
    if let Err(error) = thread {
        return Err(format!("no thread could be started for it: {error}"));
    }
    match tokio::time::timeout(budget + GRACE, told).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("it was given up halfway".to_owned()),
        Err(_) => Err("it does not answer in time".to_owned()),
    }
}
