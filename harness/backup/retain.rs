//! Which old backups may be deleted.
//!
//! Knows ages, numbers and what is proven. A clock that may be wrong deletes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::lease::{Hold, Lease};
use super::listing::anomalies;
use super::manifest::{Level, Manifest};
use super::store::{Backup, Store};
use super::{BackupError, stream};

/// Which backups stay, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those that are not older than so many days.
    pub days: u32,
    /// The newest ones of each database, so many.
    pub at_least: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30, at_least: 3 }
    }
}

/// What a retention did.
#[derive(Clone, Debug, Default)]
pub struct Retained {
    /// The dumps that are gone.
    pub deleted: Vec<PathBuf>,
    /// What stayed although it is old enough, and why.
    pub kept: Vec<(PathBuf, String)>,
    /// Where the clock can't have been right: nothing of such a database is deleted.
    pub anomalies: Vec<String>,
}

impl Store {
    /// Deletes old backups, as of `now`, of which there must be newer ones of the same database that
    /// are proven by a restore, and still whole. To be called after a backup that went well, and never
    /// else.
    pub async fn retain(&self, rules: Retention, now: Timestamp) -> Result<Retained, BackupError> {
        let mut retained = Retained::default();
        let mut databases: BTreeMap<_, Vec<Backup>> = BTreeMap::new();
        for backup in self.list_at(now)?.backups {
            let cluster = backup.manifest.system_identifier.clone();
            let database = (backup.manifest.database.clone(), cluster);
            databases.entry(database).or_default().push(backup);
        }
        for backups in databases.into_values() {
            self.retain_some(&backups, rules, now, &mut retained).await?;
        }
        Ok(retained)
    }

    /// The same for the backups of one database, the newest first.
    async fn retain_some(
        &self,
        backups: &[Backup],
        rules: Retention,
        now: Timestamp,
        retained: &mut Retained,
    ) -> Result<(), BackupError> {
        let anomalies = anomalies(backups, now);
        let most = SignedDuration::from_hours(24 * i64::from(rules.days));
        let is_old = |it: &Backup| now.duration_since(it.manifest.created_at) > most;
        let mut proof = None;
        for (nth, backup) in backups.iter().enumerate().filter(|(_, backup)| is_old(backup)) {
            let reason = if !anomalies.is_empty() {
                Some("the clock can't be trusted".to_owned())
            } else if nth < rules.at_least {
                Some(format!("it is one of the newest {}", rules.at_least))
            } else if let Some(reason) = &backup.manifest.pinned {
                Some(format!("it is pinned: {reason}"))
            } else {
                let number = match proof {
                    Some(number) => number,
                    None => *proof.insert(self.newest_proven(backups).await),
                };
                if number.is_some_and(|number| number > backup.manifest.sequence) {
                    self.delete(backup)?
                } else {
                    Some("no newer backup is proven by a restore".to_owned())
                }
            };
            match reason {
                Some(reason) => retained.kept.push((backup.path.clone(), reason)),
                None => retained.deleted.push(backup.path.clone()),
            }
        }
        retained.anomalies.extend(anomalies);
        Ok(())
    }

    /// The number of the newest backup that was restored once and is still whole.
    async fn newest_proven(&self, backups: &[Backup]) -> Option<u64> {
        for backup in backups.iter().filter(|it| it.manifest.level >= Level::Restored) {
            if self.verify(backup).await.is_ok() {
                return Some(backup.manifest.sequence);
            }
        }
        None
    }

    /// Deletes a backup; gives why not.
    fn delete(&self, backup: &Backup) -> Result<Option<String>, BackupError> {
        let names = backup.names()?;
        let lease = Lease::take(&names.lease(), Hold::Alone);
        let Some(lease) = lease.map_err(BackupError::write(&names.lease()))? else {
            return Ok(Some("it is in use".to_owned()));
        };
        let counter = self.lock()?;
        if Manifest::read(&names.manifest())? != backup.manifest {
            return Ok(Some("something was recorded of it meanwhile".to_owned()));
        }
        // Half of it must not look like a backup, and is swept if we don't get further.
        std::fs::rename(&backup.path, names.partial()).map_err(BackupError::write(&backup.path))?;
        stream::remove(&names.manifest()).map_err(BackupError::write(&names.manifest()))?;
        drop(counter);
        stream::remove(&names.partial()).map_err(BackupError::write(&names.partial()))?;
        lease.remove().map_err(BackupError::write(&names.lease()))?;
        stream::settle_names(self.folder()).map_err(BackupError::write(self.folder()))?;
        Ok(None)
    }
}
