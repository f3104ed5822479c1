//! Which server a project uses: what its compose files and jobs say.
//!
//! Knows images by their names only; nothing is pulled and nobody is asked.

use std::path::{Path, PathBuf};

use crate::server::SUPPORTED;

/// An image of a server, as a file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its name with the tag.
    pub reference: String,
    /// The server's major version.
    pub major: u32,
    /// The file that names it.
    pub file: PathBuf,
}

/// The servers that a project speaks of.
#[derive(Clone, Debug, Default)]
pub struct Postgres {
    /// The major version, if it was named or all files agree.
    pub major: Option<u32>,
    /// Whether it was named.
    pub is_named: bool,
    /// What the files say.
    pub seen: Vec<Image>,
}

/// Images that are set up as the official one is, so that a container of it can be used as a server.
const ALIKE: [&str; 5] = [
    "postgres",
    "library/postgres",
    "postgis/postgis",
    "pgvector/pgvector",
    "timescale/timescaledb",
];

impl Postgres {
    /// What the files in `folders` say; `named` wins.
    pub(super) fn look(folders: &[&Path], named: Option<u32>) -> Self {
        let mut seen: Vec<Image> = Vec::new();
        for file in folders.iter().flat_map(|folder| files(folder)) {
            // What can't be read says nothing.
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            for (reference, major) in text.lines().flat_map(images) {
                let is_known = seen.iter().any(|it| it.reference == reference);
                if SUPPORTED.contains(&major) && !is_known {
                    seen.push(Image { reference, major, file: file.clone() });
                }
            }
        }
        let first = seen.first().map(|it| it.major);
        let agreed = first.filter(|major| seen.iter().all(|it| it.major == *major));
        Self { major: named.or(agreed), is_named: named.is_some(), seen }
    }

    /// The image for a job: one that the project names, else the official one.
    pub fn image(&self) -> String {
        let major = self.major.unwrap_or(*SUPPORTED.end());
        let fits = |it: &&Image| Some(it.major) == self.major && is_alike(&it.reference);
        let own = self.seen.iter().find(fits).map(|it| it.reference.clone());
        own.unwrap_or_else(|| format!("postgres:{major}"))
    }

    /// Why it is this version, or why none was chosen.
    pub fn because(&self) -> String {
        let said = |it: &Image| format!("{} has {}", it.file.display(), it.reference);
        match (self.is_named, self.seen.first()) {
            (true, _) => "it was asked for".to_owned(),
            (false, Some(first)) if self.major.is_some() => said(first),
            (false, Some(_)) => self.seen.iter().map(said).collect::<Vec<_>>().join(", "),
            (false, None) => "no file says which version production runs".to_owned(),
        }
    }
}

fn is_alike(reference: &str) -> bool {
    let name = reference.rsplit_once(':').map_or(reference, |(name, _)| name);
    ALIKE.contains(&name.strip_prefix("docker.io/").unwrap_or(name))
}

/// Compose files and jobs in one folder; not the ones that are written here.
fn files(folder: &Path) -> Vec<PathBuf> {
    let is_yaml = |name: &str| [".yml", ".yaml"].iter().any(|end| name.ends_with(end));
    let within = |folder: PathBuf, is_one: &dyn Fn(&str) -> bool| -> Vec<PathBuf> {
        let names = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_yaml(name) && is_one(name)).collect();
        names.sort();
        names.into_iter().map(|name| super::project::join(&folder, Path::new(&name))).collect()
    };
    let is_here = |name: &str| {
        let stem = name.strip_prefix("docker-").unwrap_or(name);
        stem.starts_with("compose") || name == ".gitlab-ci.yml"
    };
    let mut found = within(folder.to_owned(), &is_here);
    let workflows = super::project::join(folder, Path::new(".github/workflows"));
    found.extend(within(workflows, &|name| name != super::jobs::NAME));
    found
}

/// The images of servers in a line, with their major versions.
fn images(line: &str) -> Vec<(String, u32)> {
    if line.trim_start().starts_with('#') {
        return Vec::new();
    }
    let words = line.split([' ', '\t', '"', '\'', '[', ']', ',']);
    words.filter_map(|word| Some((word.to_owned(), major(word)?))).collect()
}

/// The major version of a server's image: `15`, `15.4-alpine`, `pg15`, `latest-pg15`.
fn major(word: &str) -> Option<u32> {
    let known = ["postgres", "postgresql", "postgis", "pgvector", "timescaledb", "timescaledb-ha"];
    let word = word.split_once('@').map_or(word, |(image, _)| image);
    let (name, tag) = word.rsplit_once(':').filter(|(name, _)| !name.contains("://"))?;
    known.contains(&name.rsplit('/').next()?).then_some(())?;
    let version = tag.split_once("pg").map_or(tag, |(_, version)| version);
    let end = version.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(version.len());
    let (digits, rest) = version.split_at_checked(end)?;
    let is_version = rest.is_empty() || rest.starts_with(['.', '-']);
    is_version.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{images, is_alike};

    #[test]
    fn images_are_told_from_what_looks_like_them() {
        for (line, is) in [
            ("    image: postgres:15", Some(15)),
            ("    image: \"docker.io/library/postgres:16.4-alpine\"", Some(16)),
            ("  - postgis/postgis:17-3.5", Some(17)),
            ("    image: pgvector/pgvector:pg18", Some(18)),
            ("    image: timescale/timescaledb:2.17.2-pg14", Some(14)),
            ("    image: localhost:5000/postgres:15@sha256:77aa", Some(15)),
            ("    image: bitnami/postgresql:15", Some(15)),
            ("    image: postgres:latest", None),
            ("    image: postgres", None),
            ("    # image: postgres:15", None),
            ("  DATABASE_URL: postgres://postgres:15@localhost/shop", None),
            ("    - 5432:5432", None),
            ("    image: prom/postgres-exporter:15", None),
        ] {
            let found = images(line).first().map(|(_, major)| *major);
            assert_eq!(found, is, "{line}");
        }
        assert!(is_alike("docker.io/library/postgres:16.4-alpine"));
        assert!(!is_alike("bitnami/postgresql:15"));
    }
}
