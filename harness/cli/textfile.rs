//! The file of a job's metrics: read back, and replaced as a whole.
//!
//! Whoever reads the folder sees the earlier file or the new one, whenever this process is killed. Knows
//! files. Must not know where the folder comes from.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::{Builder, NamedTempFile};

use crate::report::prometheus::{self, Sample};

/// Another run writes for moments only; whoever holds the folder for longer keeps nobody from writing.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);
/// node_exporter reads names that end otherwise.
const UNFINISHED: &str = ".tmp";

/// The file of one job.
#[derive(Debug)]
pub(super) struct Textfile<'f> {
    folder: &'f Path,
    job: &'f str,
}

impl<'f> Textfile<'f> {
    pub(super) fn new(folder: &'f Path, job: &'f str) -> Self {
        Self { folder, job }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(format!("stairway_{}.prom", self.job))
    }

    /// Writes what `page` makes of the samples that are there. Gives why those can't be read, if they
    /// can't.
    pub(super) fn replace(
        &self,
        page: impl FnOnce(&[Sample]) -> String,
    ) -> io::Result<Option<String>> {
        // Two runs of a job may end at once, and one may know what the other does not.
        let lock = lock(self.folder)?;
        if lock.is_some() {
            self.sweep();
        }
        let (earlier, unread) = match self.read() {
            Ok(earlier) => (earlier, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        self.write(&page(&earlier))?;
        Ok(unread)
    }

    fn read(&self) -> Result<Vec<Sample>, String> {
        let path = self.path();
        let is_file = match path.metadata() {
            Ok(found) => found.is_file(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        // A pipe would never end.
        if !is_file {
            return Err("it is no file".to_owned());
        }
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        prometheus::read(&text, self.job).map_err(|error| error.to_string())
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = temporary(self.folder, &self.prefix())?;
        file.write_all(text.as_bytes())?;
        // Whoever reads it is another user, whatever the umask of this one.
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(self.path()).map_err(|error| error.error)?;
        File::open(self.folder)?.sync_all()
    }

    fn prefix(&self) -> String {
        format!(".stairway_{}-", self.job)
    }

    /// Removes what runs left that were killed while they wrote.
    fn sweep(&self) {
        for entry in std::fs::read_dir(self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&self.prefix()) && name.ends_with(UNFINISHED) {
                // Somebody else may have been quicker.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether files can be made in the folder.
pub(super) fn writable(folder: &Path) -> io::Result<()> {
    temporary(folder, ".stairway-")?.close()
}

fn temporary(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    Builder::new().prefix(prefix).suffix(UNFINISHED).tempfile_in(folder)
}

/// The folder, locked; `None` where it can't be locked, or somebody does not let go of it.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            Err(_) => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Textfile, lock, writable};
    use crate::exit::Exit;
    use crate::report::prometheus::families::{BACKUP_SIZE, LAST_SUCCESS};
    use crate::report::prometheus::{JobRun, Samples, page, read};

    fn write(file: &Textfile<'_>, exit: Exit, at: &str, samples: &Samples) -> Option<String> {
        let run = JobRun { job: "backup", exit, at: at.parse().unwrap(), seconds: 1.5 };
        file.replace(|earlier| page(&run, samples, earlier)).unwrap()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_readable_for_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = Textfile::new(folder.path(), "backup");
        let mut samples = Samples::default();
        samples.set(&BACKUP_SIZE, &[], 77_u64);
        assert_eq!(write(&file, Exit::Clean, "2026-01-31T00:00:00Z", &samples), None);
        let none = Samples::default();
        assert_eq!(write(&file, Exit::BackupFailed, "2026-02-01T00:00:00Z", &none), None);
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("stairway_backup_size_bytes{job=\"backup\"} 77\n"), "{text}");
        let success = "stairway_last_success_timestamp_seconds{job=\"backup\"} 1769817600\n";
        assert!(text.contains(success), "{text}");
        assert_eq!(file.path().metadata().unwrap().permissions().mode() & 0o777, 0o644);
        let names = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["stairway_backup.prom"]);
    }

    #[test]
    fn what_can_t_be_read_is_replaced_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = Textfile::new(folder.path(), "backup");
        for (bytes, why) in [
            (&b"up 1\n"[..], "line 1: it has no labels"),
            (b"", "there is no sample in it"),
            (b"\xff\xfe", "stream did not contain valid UTF-8"),
        ] {
            fs::write(file.path(), bytes).unwrap();
            let none = Samples::default();
            let said = write(&file, Exit::Usage, "2026-01-31T00:00:00Z", &none);
            assert_eq!(said.as_deref(), Some(why));
            let text = fs::read_to_string(file.path()).unwrap();
            let there = read(&text, "backup").unwrap();
            assert!(!there.iter().any(|it| it.is_named(&LAST_SUCCESS)), "{text}");
        }
        fs::remove_file(file.path()).unwrap();
        fs::create_dir(file.path()).unwrap();
        assert!(file.replace(|_| String::new()).is_err(), "a folder can't be replaced");
    }

    #[test]
    fn what_a_killed_run_left_goes_and_whoever_holds_the_folder_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".stairway_backup-x1y2z3.tmp");
        let other = folder.path().join(".stairway_drill-x1y2z3.tmp");
        fs::write(&left, "half").unwrap();
        fs::write(&other, "half").unwrap();
        let file = Textfile::new(folder.path(), "backup");
        let held = lock(folder.path()).unwrap().unwrap();
        write(&file, Exit::Clean, "2026-01-31T00:00:00Z", &Samples::default());
        assert!(left.exists(), "its writer may be at work");
        drop(held);
        write(&file, Exit::Clean, "2026-01-31T00:00:00Z", &Samples::default());
        assert!(!left.exists() && other.exists());
    }

    #[test]
    fn a_folder_is_tried_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        writable(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(writable(&folder.path().join("none")).is_err());
    }
}
