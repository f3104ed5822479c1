//! A server's log in the csv or json form, entry by entry.
//!
//! Knows the columns and keys of both forms. Must not know what a message means, and never holds more than
//! one entry.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ImportError;

/// How many columns an entry has at least: PostgreSQL 12 and before wrote so many.
const COLUMNS: usize = 23;

/// One entry, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// As it is written, without the time zone: entries of one log compare by it.
    pub(super) at: String,
    pub(super) database: String,
    pub(super) severity: String,
    pub(super) message: String,
    pub(super) detail: String,
}

/// What comes next in a log.
pub(super) enum Next {
    Entry(Entry),
    /// A line that is none.
    Bad,
    End,
}

/// A log that is being read.
pub(super) struct Log {
    path: PathBuf,
    form: Form,
    /// The line on which the last entry began.
    pub(super) line: u64,
}

enum Form {
    Csv(Box<csv::Reader<BufReader<File>>>),
    Json(BufReader<File>),
}

impl Log {
    /// Opens it and looks in which form it is.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |source| ImportError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let start = reader.fill_buf().map_err(failed)?;
        if let Some(with) = unpacker(start) {
            return Err(ImportError::Compressed { path: path.to_owned(), with });
        }
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        let form = match first {
            None | Some(b'{') => Form::Json(reader),
            Some(_) if is_csv(start) => {
                let mut builder = csv::ReaderBuilder::new();
                let reader = builder.has_headers(false).flexible(true).from_reader(reader);
                Form::Csv(Box::new(reader))
            }
            Some(_) => return Err(ImportError::NoLog(path.to_owned())),
        };
        Ok(Self { path: path.to_owned(), form, line: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Next, ImportError> {
        let path = &self.path;
        match &mut self.form {
            Form::Csv(reader) => {
                let mut record = csv::ByteRecord::new();
                let read = reader.read_byte_record(&mut record).map_err(|error| {
                    ImportError::Read { path: path.clone(), source: std::io::Error::other(error) }
                })?;
                if !read {
                    return Ok(Next::End);
                }
                self.line = record.position().map_or(0, csv::Position::line);
                Ok(from_csv(&record).map_or(Next::Bad, Next::Entry))
            }
            Form::Json(reader) => {
                let mut line = Vec::new();
                let failed = |source| ImportError::Read { path: path.clone(), source };
                if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                    return Ok(Next::End);
                }
                self.line += 1;
                Ok(from_json(&line).map_or(Next::Bad, Next::Entry))
            }
        }
    }
}

/// The program that unpacks what begins like this.
fn unpacker(start: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 4] = [
        (&[0x1f, 0x8b], "gunzip --keep"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "unzstd --keep"),
        (b"BZh", "bunzip2 --keep"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "unxz --keep"),
    ];
    known.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, with)| with)
}

/// Whether the first line begins with a time and a comma: the usual log has a blank and `[` there.
fn is_csv(start: &[u8]) -> bool {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(end) = line.iter().position(|byte| *byte == b',') else { return false };
    let first = line.get(..end).unwrap_or_default();
    first.len() < 48
        && first.first().is_some_and(u8::is_ascii_digit)
        && !first.contains(&b'[')
        && line.split(|byte| *byte == b',').nth(10).is_some()
}

fn from_csv(record: &csv::ByteRecord) -> Option<Entry> {
    if record.len() < COLUMNS {
        return None;
    }
    let column = |at: usize| std::str::from_utf8(record.get(at)?).ok().map(str::to_owned);
    Some(Entry {
        at: time(&column(0)?),
        database: column(2)?,
        severity: column(11)?,
        message: column(13)?,
        detail: column(14)?,
    })
}

fn from_json(line: &[u8]) -> Option<Entry> {
    let json: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    json.get("error_severity")?;
    Some(Entry {
        at: time(json.get("timestamp")?.as_str()?),
        database: text("dbname"),
        severity: text("error_severity"),
        message: text("message"),
        detail: text("detail"),
    })
}

/// The date and the time; the zone behind them may have letters or digits.
fn time(text: &str) -> String {
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Entry, Log, Next};
    use crate::workload::import::ImportError;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read(bytes: &[u8]) -> Vec<(u64, Option<Entry>)> {
        let file = file(bytes);
        let mut log = Log::open(file.path()).unwrap();
        let mut found = Vec::new();
        loop {
            match log.next().unwrap() {
                Next::Entry(entry) => found.push((log.line, Some(entry))),
                Next::Bad => found.push((log.line, None)),
                Next::End => return found,
            }
        }
    }

    fn entry(message: &str, detail: &str) -> Entry {
        Entry {
            at: "2026-01-31 10:00:00.123".to_owned(),
            database: "shop".to_owned(),
            severity: "LOG".to_owned(),
            message: message.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn columns_are_found_in_entries_of_any_version() {
        let head = "2026-01-31 10:00:00.123 UTC,\"app\",\"shop\",7,\"[local]\",65.1,1,\"SELECT\",2026-01-31 09:00:00 UTC,3/4,0,LOG,00000,";
        let text = format!(
            "{head}\"a \"\"b\"\",\nc\",\"d\",,,,,,,,\"psql\"\n{head}x,,,,,,,,,\"\",\"client backend\",,0\nbroken,1\n"
        );
        assert_eq!(
            read(text.as_bytes()),
            [(1, Some(entry("a \"b\",\nc", "d"))), (3, Some(entry("x", ""))), (4, None)]
        );
    }

    #[test]
    fn lines_of_json_are_entries_and_others_are_bad() {
        let text = r#"{"timestamp":"2026-01-31 10:00:00.123 CET","dbname":"shop","error_severity":"LOG","message":"m","detail":"d"}
{"half":
"#;
        assert_eq!(read(text.as_bytes()), [(1, Some(entry("m", "d"))), (2, None)]);
        assert!(read(b"").is_empty());
    }

    #[test]
    fn a_time_zone_may_be_a_number() {
        for zone in ["UTC", "CEST", "-03", "+0530"] {
            let text = format!("2026-01-01 10:00:00.123 {zone}");
            assert_eq!(super::time(&text), "2026-01-01 10:00:00.123");
        }
    }

    #[test]
    fn other_files_are_refused_with_what_to_do() {
        let gz = file(&[0x1f, 0x8b, 8, 0]);
        let error = Log::open(gz.path()).err().unwrap();
        assert!(error.to_string().contains("gunzip --keep"), "{error}");
        let plain = file(b"2026-01-31 10:00:00 UTC [7] LOG:  statement: SELECT 1, 2, 3\n");
        assert!(matches!(Log::open(plain.path()), Err(ImportError::NoLog(_))));
    }
}
