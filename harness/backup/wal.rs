//! Archived WAL: the segments that follow a base backup, brought one by one by a command of the user's,
//! as the server would have `restore_command` bring them.
//!
//! Knows the names of segments and history files. Must not know what is in them, nor how they are
//! replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use super::BackupError;
use super::child::{Child, command};
use super::dump::last_lines;
use crate::secret::Scrubber;

/// The size of a segment, unless `initdb --wal-segsize` said another one.
const USUAL: u64 = 16 << 20;
/// Exit codes above it are those of a shell that could not run the command, or of one that was killed:
/// the server gives up recovery then, and does not take the file for one that is not there.
const MOST: i32 = 125;
/// A history that has more is none.
const TIMELINES: u32 = 1000;

/// A segment's place: `000000010000000000000002` is the third of timeline 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    timeline: u32,
    log: u32,
    part: u32,
}

impl Segment {
    /// Reads a file's name.
    pub fn parse(name: &str) -> Option<Self> {
        let is_name = name.len() == 24 && name.bytes().all(|it| it.is_ascii_hexdigit());
        let part = |at: usize| u32::from_str_radix(name.get(at..at + 8)?, 16).ok();
        is_name.then_some(())?;
        Some(Self { timeline: part(0)?, log: part(8)?, part: part(16)? })
    }

    fn name(self) -> String {
        format!("{:08X}{:08X}{:08X}", self.timeline, self.log, self.part)
    }

    fn on(self, timeline: u32) -> Self {
        Self { timeline, ..self }
    }

    /// The one after it, where segments have this many bytes.
    fn next(self, bytes: u64) -> Self {
        let parts = (1_u64 << 32) / bytes.max(1 << 20);
        if u64::from(self.part) + 1 < parts {
            return Self { part: self.part + 1, ..self };
        }
        Self { log: self.log.wrapping_add(1), part: 0, ..self }
    }
}

/// What a command brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// How many segments.
    pub segments: usize,
    /// The last one.
    pub last: Option<String>,
    /// What the command said when it brought no more.
    pub said: String,
}

/// Brings the segments from `first` on into `into`, and the history files that follow its timeline,
/// until one is neither in the archive nor in the `pg_wal` of `data`, the backup's data directory, in
/// which the command is run; those of `pg_wal` that the archive has not are copied. In `wanted` `%f`
/// stands for the file's name, `%p` for where it is to go, `%%` for a percent sign, as in
/// `restore_command`. A file that the command can't bring is not there, with any exit code up to 125.
pub async fn fetch_wal(
    wanted: &str,
    first: Segment,
    data: &Path,
    into: &Path,
) -> Result<Fetched, BackupError> {
    let (mut fetched, at_hand) = (Fetched::default(), data.join("pg_wal"));
    let bring = |name: String| async move { one(wanted, &name, data, into).await };
    let mut timelines = BTreeSet::from([first.timeline]);
    if first.timeline > 1 {
        // The server asks for where its own timeline came from. Without parents there is none.
        let _ = bring(format!("{:08X}.history", first.timeline)).await?;
    }
    for timeline in (first.timeline..).skip(1).take(TIMELINES as usize) {
        let name = format!("{timeline:08X}.history");
        let Ok(path) = bring(name).await? else { break };
        timelines.insert(timeline);
        // Timelines that a history leaves out are not on its way.
        let history = fs::read_to_string(&path).map_err(BackupError::read(&path))?;
        let named = parents(&history);
        timelines.retain(|it| *it == timeline || named.contains(it));
    }
    let mut size = size_of(&at_hand);
    let mut segment = first;
    loop {
        let mut is_there = false;
        for timeline in timelines.iter().rev() {
            let name = segment.on(*timeline).name();
            match bring(name.clone()).await? {
                Ok(path) => {
                    let about = fs::metadata(&path).map_err(BackupError::read(&path))?;
                    size = Some(about.len());
                    fetched.segments += 1;
                    fetched.last = Some(name);
                    is_there = true;
                }
                Err(said) => {
                    fetched.said = said;
                    let own = at_hand.join(&name);
                    is_there = own.is_file();
                    if is_there {
                        fs::copy(&own, into.join(&name)).map_err(BackupError::read(&own))?;
                    }
                }
            }
            if is_there {
                break;
            }
        }
        if !is_there {
            return Ok(fetched);
        }
        segment = segment.next(size.unwrap_or(USUAL));
    }
}

/// Where WAL that would be replayed from `first` on makes tablespaces, by the `pg_waldump` of the folder
/// `programs`. Replaying it would write to those places of this machine, and to whatever is in them.
pub async fn tablespaces_made(
    programs: &Path,
    wal: &Path,
    first: Segment,
) -> Result<Vec<String>, BackupError> {
    let mut begins: BTreeMap<u32, Segment> = BTreeMap::new();
    for entry in fs::read_dir(wal).map_err(BackupError::read(wal))? {
        let entry = entry.map_err(BackupError::read(wal))?;
        let Some(found) = Segment::parse(&entry.file_name().to_string_lossy()) else { continue };
        if found.on(first.timeline) >= first {
            let begin = begins.entry(found.timeline).or_insert(found);
            *begin = found.min(*begin);
        }
    }
    let program = programs.join("pg_waldump");
    let mut made = Vec::new();
    for begin in begins.into_values() {
        // Of a file that is named it would read no further than to its end.
        let file = wal.join(begin.name());
        let bytes = fs::metadata(&file).map_err(BackupError::read(&file))?.len();
        let (log, at) = (begin.log, u64::from(begin.part) * bytes);
        let mut command = command(&program);
        command.arg("--rmgr=Tablespace").arg("--path").arg(wal);
        command
            .arg(format!("--timeline={}", begin.timeline))
            .arg(format!("--start={log:X}/{at:X}"));
        command.stdout(Stdio::piped());
        let child = Child::start(command).map_err(BackupError::program(&program))?;
        // It fails where WAL ends, as all WAL does, and so does the server.
        let output = child.output().await.map_err(BackupError::program(&program))?;
        if is_broken(output.status) {
            let why = std::io::Error::other(format!("it ended with {}", output.status));
            return Err(BackupError::program(&program)(why));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let places =
            said.lines().filter_map(|line| line.split_once("desc: CREATE ")?.1.split_once(' '));
        made.extend(places.map(|(_, place)| place.trim().trim_matches('"').to_owned()));
    }
    Ok(made)
}

/// The timelines that a history file comes after.
fn parents(history: &str) -> BTreeSet<u32> {
    let numbers = history.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    numbers.collect()
}

/// The size of the segments in a folder.
fn size_of(folder: &Path) -> Option<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let segment = |it: &fs::DirEntry| Segment::parse(&it.file_name().to_string_lossy()).is_some();
    entries.filter(segment).find_map(|it| it.metadata().ok()).map(|about| about.len())
}

/// Brings one file, or says what the command said instead.
async fn one(
    wanted: &str,
    name: &str,
    data: &Path,
    into: &Path,
) -> Result<Result<PathBuf, String>, BackupError> {
    let path = into.join(name);
    let mut command = command(Path::new("sh"));
    command.arg("-c").arg(filled(wanted, name, &path)).current_dir(data).stdout(Stdio::null());
    let program = Path::new("sh");
    let child = Child::start(command).map_err(BackupError::program(program))?;
    let output = child.output().await.map_err(BackupError::program(program))?;
    // What a command of others prints may hold the key to their store.
    let said = String::from_utf8_lossy(&output.stderr);
    let said = last_lines(&Scrubber::default().scrub(&said));
    if is_broken(output.status) {
        return Err(BackupError::FetchWal { file: name.to_owned(), status: output.status, said });
    }
    if !output.status.success() || !path.is_file() {
        // It may have begun.
        let _ = fs::remove_file(&path);
        return Ok(Err(said));
    }
    Ok(Ok(path))
}

fn is_broken(status: ExitStatus) -> bool {
    status.code().is_none_or(|code| code > MOST)
}

/// The command for one file.
fn filled(wanted: &str, name: &str, path: &Path) -> String {
    let (mut text, mut rest) = (String::new(), wanted);
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            Some('f') => text.push_str(name),
            Some('p') => text.push_str(&path.display().to_string()),
            Some('%') | None => text.push('%'),
            Some(other) => text.extend(['%', other]),
        }
        rest = letters.as_str();
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BackupError, Segment, fetch_wal, filled};

    #[test]
    fn segments_follow_each_other() {
        let name = |name: &str, bytes| Segment::parse(name).unwrap().next(bytes).name();
        assert_eq!(name("0000000A0000000000000002", 16 << 20), "0000000A0000000000000003");
        assert_eq!(name("0000000100000000000000FF", 16 << 20), "000000010000000100000000");
        assert_eq!(name("0000000100000000000000FF", 1 << 20), "000000010000000000000100");
        assert_eq!(name("000000010000000000000003", 1 << 30), "000000010000000100000000");
        for other in ["", "00000002.history", "000000010000000000000002.partial"] {
            assert_eq!(Segment::parse(other), None, "{other}");
        }
        let path = Path::new("/to/it");
        assert_eq!(filled("get %f '%p' 5%% %x %", "F", path), "get F '/to/it' 5% %x %");
    }

    fn archive(files: &[(&str, &str)]) -> tempfile::TempDir {
        let archive = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(archive.path().join(name), text).unwrap();
        }
        archive
    }

    #[tokio::test]
    async fn what_follows_is_brought_over_timelines_and_gaps_end_it() {
        let archive = archive(&[
            ("000000010000000000000002", "a"),
            ("000000010000000000000004", "c"),
            // Timeline 2 was left again; 3 came off 1.
            ("00000002.history", "1\t0/4000000\tno recovery target specified\n"),
            ("00000003.history", "1\t0/5000000\tno recovery target specified\n"),
            ("000000020000000000000004", "wrong"),
            ("000000030000000000000005", "d"),
            ("000000030000000000000007", "after a gap"),
        ]);
        let own = tempfile::tempdir().unwrap();
        // 16 MiB of nothing: it is its size that counts.
        std::fs::create_dir(own.path().join("pg_wal")).unwrap();
        let at_hand = own.path().join("pg_wal/000000010000000000000003");
        std::fs::File::create(&at_hand).unwrap().set_len(16 << 20).unwrap();
        for name in
            ["000000010000000000000002", "000000010000000000000004", "000000030000000000000005"]
        {
            let file = std::fs::OpenOptions::new().write(true).open(archive.path().join(name));
            file.unwrap().set_len(16 << 20).unwrap();
        }
        let into = tempfile::tempdir().unwrap();
        let command = format!("cp {}/%f %p", archive.path().display());
        let first = Segment::parse("000000010000000000000002").unwrap();
        let fetched = fetch_wal(&command, first, own.path(), into.path()).await.unwrap();
        assert_eq!(fetched.segments, 3);
        assert_eq!(fetched.last.as_deref(), Some("000000030000000000000005"));
        assert!(fetched.said.contains("000000010000000000000006"), "{}", fetched.said);
        let mut names: Vec<_> = std::fs::read_dir(into.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "000000010000000000000002",
                "000000010000000000000003",
                "000000010000000000000004",
                "00000002.history",
                "00000003.history",
                "000000030000000000000005"
            ]
        );
    }

    #[tokio::test]
    async fn a_command_that_is_none_is_told_from_a_file_that_is_not_there() {
        let (own, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Segment::parse("000000010000000000000002").unwrap();
        let command = "echo 'password=s3cret' >&2; exit 1";
        let fetched = fetch_wal(command, first, own.path(), into.path()).await.unwrap();
        assert_eq!((fetched.segments, fetched.last), (0, None));
        assert!(!fetched.said.contains("s3cret"), "{}", fetched.said);
        let error = fetch_wal("no-such-program-41 %f", first, own.path(), into.path()).await;
        assert!(matches!(error, Err(BackupError::FetchWal { .. })), "{error:?}");
    }
}
