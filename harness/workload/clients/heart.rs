//! A thread that does nothing but wake up again and again: when it does not, nothing of this process
//! was run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::workload::WorkloadError;

const BEAT: Duration = Duration::from_millis(2);
/// A beat that is late by less is the scheduler's usual doing.
const LATE: Duration = Duration::from_millis(5);

pub(super) struct Heart {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<(Duration, Duration)>>>,
}

impl Heart {
    /// Begins to beat; moments count from `start`.
    pub(super) fn begin(start: Instant) -> Result<Self, WorkloadError> {
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let thread = std::thread::Builder::new()
            .name("heart".to_owned())
            .spawn(move || beat(start, &asked))
            .map_err(|error| WorkloadError::Threads(error.to_string()))?;
        Ok(Self { ends, thread: Some(thread) })
    }

    /// When it stood still.
    pub(super) fn end(mut self) -> Vec<(Duration, Duration)> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn beat(start: Instant, ends: &AtomicBool) -> Vec<(Duration, Duration)> {
    let mut stalls = Vec::new();
    let mut last = Instant::now();
    while !ends.load(Ordering::Relaxed) {
        std::thread::sleep(BEAT);
        let now = Instant::now();
        if now.duration_since(last) > BEAT + LATE {
            let from = last.saturating_duration_since(start);
            stalls.push((from, now.saturating_duration_since(start)));
        }
        last = now;
    }
    stalls.retain(|(from, until)| from < until);
    stalls
}
