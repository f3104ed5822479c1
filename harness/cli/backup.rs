//! `stairway backup`

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::backup::{Backup, Format, Level, Listing, Store, decode};
use crate::config::{Config, Deployment, DeploymentFlags};
use crate::postgres::Session;
use crate::report::prometheus;
use crate::server::client_programs;
use crate::steps::{self, BackupRequest};

use super::args::{BackupArgs, BackupFormat};
use super::monitor::Monitor;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};

/// How often the bar is drawn anew.
const PULSE: Duration = Duration::from_millis(200);

pub(super) async fn run(
    args: &BackupArgs,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Outcome {
    let config = Config::load().map_err(Failure::usage)?;
    let flags = DeploymentFlags {
        environment: args.env.clone(),
        directory: args.deployment_dir.clone(),
        backup_dir: args.backup_dir.clone(),
        database_url: args.database.database_url.clone(),
    };
    if args.list {
        return list(&Deployment::backups(&flags, &config).map_err(Failure::usage)?, printer);
    }
    if args.jobs.is_some() && args.format == Some(BackupFormat::Custom) {
        return Err(Failure::usage("--jobs is for --format directory: one file has one writer"));
    }
    let place = Deployment::find(&flags, &config).map_err(Failure::usage)?;
    for warning in &place.warnings {
        printer.status(&format!("warning: {warning}"));
    }
    monitor.metrics.of_deployment(&place.variables, printer)?;
    let (folder, target) = (place.backup_dir, place.target);
    let refused = |error: Box<dyn std::error::Error>| Failure::new(Exit::PreflightRefused, error);
    let mut session = settings::session_at(&target, "backup").await?;
    let version = session.version().await.map_err(Failure::usage)?;
    let format = format(args, &mut session).await?;
    session.close().await.map_err(Failure::usage)?;
    let programs = client_programs(version.major).map_err(|error| refused(error.into()))?;
    let store = Store::open(&folder).map_err(|error| refused(error.into()))?;
    for path in store.sweep_partials().map_err(failed)? {
        printer.status(&format!("removed what was left half written: {}", path.display()));
    }
    let progress = watch::Sender::new(0);
    let request = BackupRequest {
        run: format!("backup {}", Timestamp::now()),
        format,
        lock_wait: Duration::from_secs(args.lock_wait.into()),
        ignore: Vec::new(),
        schema_digest: None,
        applied: Vec::new(),
        progress: progress.clone(),
    };
    let start = Instant::now();
    let making = steps::backup(&target, &programs, &store, &request);
    let mut backup = watched(making, &progress, printer).await.map_err(failed)?;
    let took = start.elapsed();
    store.verify(&backup).await.map_err(failed)?;
    store.set_level(&mut backup, Level::Checksummed).map_err(failed)?;
    let read = start.elapsed();
    decode(&backup.path, &programs.folder).await.map_err(failed)?;
    store.set_level(&mut backup, Level::Decoded).map_err(failed)?;
    let decoded = start.elapsed();
    let stages = [
        ("dump", took),
        ("verify", read.saturating_sub(took)),
        ("decode", decoded.saturating_sub(read)),
    ];
    monitor.metrics.add(prometheus::backup(&backup.manifest, &stages));
    monitor.metrics.count_backups(&store, &backup.manifest.database);
    printer.result(&made(&backup, took));
    Ok(Exit::Clean)
}

/// What is asked for, or what a database of this size wants.
async fn format(args: &BackupArgs, session: &mut Session) -> Result<Format, Failure> {
    let folder = |jobs: u16| Format::Directory { jobs: jobs.into() };
    match (args.format, args.jobs) {
        (Some(BackupFormat::Custom), _) => Ok(Format::Custom),
        (_, Some(jobs)) => Ok(folder(jobs)),
        (Some(BackupFormat::Directory), None) => Ok(Format::usual(u64::MAX)),
        (None, None) => {
            let size = steps::size(session).await.map_err(Failure::usage)?;
            Ok(Format::usual(size))
        }
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error>>) -> Failure {
    Failure::new(Exit::BackupFailed, error)
}

/// Shows how much was written until it is done.
async fn watched<T>(
    making: impl Future<Output = T>,
    progress: &watch::Sender<u64>,
    printer: &mut Printer,
) -> T {
    printer.begin_bytes();
    let mut pulse = tokio::time::interval(PULSE);
    let mut making = std::pin::pin!(making);
    let made = loop {
        tokio::select! {
            made = &mut making => break made,
            _ = pulse.tick() => printer.advance_bytes(*progress.borrow()),
        }
    };
    printer.finish_bar();
    made
}

fn made(backup: &Backup, took: Duration) -> String {
    let manifest = &backup.manifest;
    let rate = per_second(manifest.bytes, took);
    let mut text = format!("{}\n", backup.path.display());
    // Writing to a String can't fail.
    let _ = writeln!(text, "size:   {}, {}/s", size(manifest.bytes), size(rate));
    let _ = writeln!(text, "sha256: {}", manifest.sha256());
    let contents = &manifest.contents;
    let _ = writeln!(text, "holds:  {} tables, {} rows", contents.tables.len(), contents.rows());
    let _ = writeln!(text, "level:  {}", level(manifest.level));
    text
}

fn per_second(bytes: u64, took: Duration) -> u64 {
    let millis = took.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / millis).unwrap_or(u64::MAX)
}

fn list(folder: &Path, printer: &mut Printer) -> Outcome {
    if !folder.is_dir() {
        printer.status(&format!("there is no folder {}", folder.display()));
        return Ok(Exit::Clean);
    }
    let listing = Store::at(folder).list().map_err(failed)?;
    printer.result(&table(&listing, Timestamp::now()));
    Ok(Exit::Clean)
}

fn table(listing: &Listing, now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["backup", "database", "level", "age", "size", "pinned"]);
    for Backup { manifest, .. } in &listing.backups {
        table.add_row([
            manifest.file.clone(),
            manifest.database.clone(),
            level(manifest.level),
            age(now.duration_since(manifest.created_at)),
            size(manifest.bytes),
            manifest.pinned.clone().unwrap_or_default(),
        ]);
    }
    let mut text = String::new();
    let lines =
        if listing.backups.is_empty() { "no backups\n".to_owned() } else { format!("{table}\n") };
    for line in lines.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for unverified in &listing.unverified {
        let _ = writeln!(text, "unverified: {}: {}", name(&unverified.path), unverified.reason);
    }
    for partial in &listing.partial {
        let what = if partial.in_use { "is being written" } else { "was never finished" };
        let _ = writeln!(text, "partial: {} {what}", name(&partial.path));
    }
    for anomaly in &listing.anomalies {
        let _ = writeln!(text, "clock: {anomaly}");
    }
    text
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn level(level: Level) -> String {
    let word = match level {
        Level::Written => "written",
        Level::Checksummed => "checksummed",
        Level::Decoded => "decoded",
        Level::Restored => "restored",
        Level::Proven => "proven",
    };
    format!("{} {word}", u8::from(level))
}

fn age(age: SignedDuration) -> String {
    let minutes = age.as_mins();
    match minutes {
        ..0 => "in the future".to_owned(),
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

/// Bytes for people, with one digit after the point.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}
