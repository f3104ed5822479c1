//! What Flyway is told besides its SQL files: `flyway.conf` or `flyway.toml` above the folder, the
//! environment, a `.conf` beside a script, and the placeholders of all of them.
//!
//! Knows names of settings and how Flyway puts values in. A setting that would change which files are
//! migrations, or which table keeps them, is refused: the layout is known with Flyway's defaults only. Must
//! not know migrations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::section::wrong;
use super::{MigrationsError, detect, folder};
use crate::env;

/// Settings that must be as Flyway has them by default.
const FIXED: [(&str, &str); 9] = [
    ("table", "flyway_schema_history"),
    ("sqlMigrationPrefix", "V"),
    ("undoSqlMigrationPrefix", "U"),
    ("repeatableSqlMigrationPrefix", "R"),
    ("sqlMigrationSeparator", "__"),
    ("sqlMigrationSuffixes", ".sql"),
    ("placeholderPrefix", "${"),
    ("placeholderSuffix", "}"),
    ("placeholderSeparator", ":"),
];

/// All that is set, by name without `flyway.` and in small letters.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<String, String>,
    /// Where they stand.
    path: PathBuf,
}

impl Settings {
    /// Reads the files above `from`.
    pub(super) fn load(from: &Path) -> Result<Self, MigrationsError> {
        let mut settings = Self { path: from.to_owned(), ..Self::default() };
        for (name, read) in [("flyway.conf", properties as Reading), ("flyway.toml", tables)] {
            let Some(path) = detect::above(from, name) else { continue };
            let values = read(&folder::text(&path)?)
                .map_err(|problem| MigrationsError::Setting { path: path.clone(), problem })?;
            settings.values.extend(values);
            settings.path = path;
        }
        for (name, usual) in FIXED {
            if let Some(value) = settings.get(name)
                && value != usual
            {
                let problem = format!(
                    "flyway.{name} is {value:?}: only Flyway's default, {usual:?}, is understood here"
                );
                return Err(MigrationsError::Setting { path: settings.path, problem });
            }
        }
        Ok(settings)
    }

    /// A setting as the environment has it, or else a file.
    fn get(&self, name: &str) -> Option<String> {
        let variable = name.chars().fold("FLYWAY_".to_owned(), |mut variable, letter| {
            if letter.is_ascii_uppercase() {
                variable.push('_');
            }
            variable.push(if letter == '.' { '_' } else { letter.to_ascii_uppercase() });
            variable
        });
        env::named(&variable).or_else(|| self.values.get(&name.to_lowercase()).cloned())
    }

    /// Whether a setting that is usually `usual` is on.
    pub(super) fn is(&self, name: &str, usual: bool) -> bool {
        self.get(name).map_or(usual, |value| value.eq_ignore_ascii_case("true"))
    }

    /// The text of the script at `path` with values for its placeholders, line for line.
    pub(super) fn fill(&self, path: &Path, text: &str) -> Result<String, MigrationsError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let wrong = |problem: String| wrong(path, out.matches('\n').count() + 1, problem);
            let Some((name, behind)) = after.split_once('}') else {
                return Err(wrong(
                    "the placeholder that begins here is not closed by a }".to_owned(),
                ));
            };
            let value = self.value(path, name).map_err(wrong)?;
            if value.contains('\n') {
                let problem = format!("the value of ${{{name}}} has several lines: put it on one");
                return Err(wrong(problem));
            }
            out.push_str(&value);
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, path: &Path, name: &str) -> Result<String, String> {
        let lower = name.to_lowercase();
        let Some(own) = lower.strip_prefix("flyway:") else {
            // Flyway's names of variables are in capitals, and its own in any letters.
            return self.get(&format!("placeholders.{lower}")).ok_or_else(|| {
                format!(
                    "the placeholder ${{{name}}} has no value: set FLYWAY_PLACEHOLDERS_{}, or \
                     flyway.placeholders.{name} in a flyway.conf above the folder",
                    name.to_uppercase()
                )
            });
        };
        let here = || std::env::current_dir().ok().map(|it| it.to_string_lossy().into_owned());
        let known = match own {
            "filename" => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            "table" => Some("flyway_schema_history".to_owned()),
            "timestamp" => Some(jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string()),
            "workingdirectory" => here(),
            "defaultschema" => self.get("defaultSchema"),
            "user" | "environment" => self.get(own),
            _ => None,
        };
        known.ok_or_else(|| {
            format!(
                "${{{name}}} is known only where Flyway has connected: name the value itself, or ask the \
                 server, as current_user and current_schema do"
            )
        })
    }
}

/// How a file of settings is read.
type Reading = fn(&str) -> Result<BTreeMap<String, String>, String>;

/// `flyway.name=value` on each line.
fn properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = pairs(text)?;
    let own = |(name, value): (String, String)| {
        let name = name.strip_prefix("flyway.").map(str::to_lowercase);
        name.map(|name| (name, value))
    };
    Ok(pairs.into_iter().filter_map(own).collect())
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').ok_or_else(|| format!("{line:?} has no ="))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    lines.map(pair).collect()
}

/// The table `[flyway]` and the tables in it.
fn tables(text: &str) -> Result<BTreeMap<String, String>, String> {
    let whole: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let mut found = BTreeMap::new();
    let mut open: Vec<(String, &toml::Value)> = Vec::new();
    open.extend(whole.get("flyway").map(|own| (String::new(), own)));
    while let Some((name, value)) = open.pop() {
        match value {
            toml::Value::Table(inside) => {
                let dot = if name.is_empty() { "" } else { "." };
                open.extend(inside.iter().map(|(key, value)| (format!("{name}{dot}{key}"), value)));
            }
            toml::Value::String(text) => {
                found.insert(name.to_lowercase(), text.clone());
            }
            toml::Value::Array(list) => {
                let words: Vec<&str> = list.iter().filter_map(toml::Value::as_str).collect();
                found.insert(name.to_lowercase(), words.join(","));
            }
            toml::Value::Boolean(is) => {
                found.insert(name.to_lowercase(), is.to_string());
            }
            toml::Value::Integer(number) => {
                found.insert(name.to_lowercase(), number.to_string());
            }
            // Nothing that is looked for is a time or a fraction.
            toml::Value::Float(_) | toml::Value::Datetime(_) => {}
        }
    }
    Ok(found)
}

/// What the `.conf` beside a script says of it alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnSettings {
    pub(super) in_transaction: Option<bool>,
    pub(super) replaces: Option<bool>,
}

impl OwnSettings {
    pub(super) fn load(script: &Path) -> Result<Self, MigrationsError> {
        let mut name = script.as_os_str().to_owned();
        name.push(".conf");
        let path = PathBuf::from(name);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let wrong = |problem: String| MigrationsError::Setting { path: path.clone(), problem };
        let mut own = Self::default();
        for (name, value) in pairs(&folder::text(&path)?).map_err(wrong)? {
            let is = Some(value.eq_ignore_ascii_case("true"));
            match name.as_str() {
                "executeInTransaction" => own.in_transaction = is,
                "placeholderReplacement" => own.replaces = is,
                "encoding" if value.eq_ignore_ascii_case("utf-8") => {}
                "encoding" => {
                    return Err(wrong(format!("the encoding {value}: save the script as UTF-8")));
                }
                "shouldExecute" if is == Some(true) => {}
                "shouldExecute" => {
                    let problem = "shouldExecute makes a script depend on where it runs, which can't be \
                                   verified: take it out";
                    return Err(wrong(problem.to_owned()));
                }
                _ => return Err(wrong(format!("Flyway knows no setting {name:?} of a script"))),
            }
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Settings, properties, tables};

    #[test]
    fn both_kinds_of_files_say_the_same() {
        let conf = "# a comment\nflyway.placeholders.Owner = app\nflyway.mixed=true\nother=1\n";
        let toml = "[flyway]\nmixed = true\nlocations = [\"a\", \"b\"]\n[flyway.placeholders]\nOwner = 'app'\n";
        let (conf, mut toml) = (properties(conf).unwrap(), tables(toml).unwrap());
        assert_eq!(toml.remove("locations").as_deref(), Some("a,b"));
        assert_eq!(conf, toml);
        assert_eq!(properties("flyway.mixed").unwrap_err(), "\"flyway.mixed\" has no =");
    }

    #[test]
    fn placeholders_are_filled_in_any_letters() {
        let values =
            properties("flyway.placeholders.owner=app\nflyway.defaultSchema=shop").unwrap();
        let settings = Settings { values, ..Settings::default() };
        let fill = |text: &str| settings.fill(Path::new("m/V1__a.sql"), text);
        let text = "a ${OWNER} ${flyway:filename}\n-- ${flyway:defaultSchema}.${flyway:table} $1";
        assert_eq!(fill(text).unwrap(), "a app V1__a.sql\n-- shop.flyway_schema_history $1");
        for (text, says) in [
            (
                "\n${Pet}",
                "V1__a.sql:2: the placeholder ${Pet} has no value: set FLYWAY_PLACEHOLDERS_PET",
            ),
            ("${flyway:database}", "known only where Flyway has connected"),
            ("\n\n${owner", "V1__a.sql:3: the placeholder that begins here is not closed"),
        ] {
            let said = fill(text).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
