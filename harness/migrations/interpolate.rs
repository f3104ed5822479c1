//! Variables of the environment in a line, as goose puts them in between `ENVSUB ON` and `ENVSUB OFF`:
//! `$NAME`, `${NAME}`, `${NAME:-text}`, `${NAME-text}`, `${NAME?text}` and `${NAME:from:length}`.
//!
//! Knows the words of goose's own library (`mfridman/interpolate`). Must not know the environment.

/// Gives the value of a variable.
type Values<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `line` with values in it.
///
/// # Errors
/// What is wrong, for people: a word that can't be read, or a variable that is not set and has no
/// default. goose itself puts nothing in its place, which is rarely meant.
pub(super) fn interpolate(line: &str, values: Values<'_>) -> Result<String, String> {
    let mut reader = Reader { rest: line, values };
    reader.text(None)
}

struct Reader<'a> {
    rest: &'a str,
    values: Values<'a>,
}

impl<'a> Reader<'a> {
    /// Up to `stop`, which is left, or to the end.
    fn text(&mut self, stop: Option<char>) -> Result<String, String> {
        let mut out = String::new();
        while let Some(letter) = self.rest.chars().next() {
            if Some(letter) == stop {
                break;
            }
            // Two characters that stand for themselves, or for one.
            let pair = [("\\\\", "\\\\"), ("\\$", "$"), ("$$", "$"), ("$(", "$(")]
                .into_iter()
                .find_map(|(pair, means)| Some((self.rest.strip_prefix(pair)?, means)));
            if let Some((rest, means)) = pair {
                self.rest = rest;
                out.push_str(means);
            } else if letter == '$' && self.rest.len() > 1 {
                self.take('$');
                out.push_str(&self.value()?);
            } else {
                self.take(letter);
                out.push(letter);
            }
        }
        Ok(out)
    }

    fn take(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// After the `$`.
    fn value(&mut self) -> Result<String, String> {
        if !self.take('{') {
            let name = self.name()?;
            return self.set(name);
        }
        let name = self.name()?;
        let value = (self.values)(name);
        let value = if self.rest.starts_with('}') {
            self.set(name)
        } else if let Some(rest) = self.rest.strip_prefix(":-") {
            self.rest = rest;
            let otherwise = self.text(Some('}'))?;
            Ok(value.filter(|it| !it.is_empty()).unwrap_or(otherwise))
        } else if self.take('-') {
            let otherwise = self.text(Some('}'))?;
            Ok(value.unwrap_or(otherwise))
        } else if self.take('?') {
            let why = self.text(Some('}'))?;
            value.ok_or_else(|| {
                format!("${name}: {}", if why.is_empty() { "not set" } else { &why })
            })
        } else if self.take(':') {
            self.part(&value.ok_or_else(|| unset(name))?)
        } else if self.rest.is_empty() {
            value.ok_or_else(|| unset(name))
        } else {
            return Err(format!("${{{name} is followed by {:?}, which means nothing", self.rest));
        };
        if self.take('}') { value } else { Err(format!("${{{name} is not closed by a }}")) }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if !name.starts_with(char::is_alphabetic) {
            return Err("a $ that no name follows: write $$ for the sign itself".to_owned());
        }
        self.rest = rest;
        Ok(name)
    }

    fn set(&self, name: &str) -> Result<String, String> {
        (self.values)(name).ok_or_else(|| unset(name))
    }

    /// `from` or `from:length` in bytes; below zero they count from the end.
    fn part(&mut self, value: &str) -> Result<String, String> {
        let end = self.rest.find('}').unwrap_or(self.rest.len());
        let (words, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        let number = |word: &str| {
            word.trim().parse::<i64>().map_err(|_| format!("{word:?} is no number of a part"))
        };
        let (from, length) = match words.split_once(':') {
            Some((from, length)) => (number(from)?, Some(number(length)?)),
            None => (number(words)?, None),
        };
        let whole = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let from = if from < 0 { (from + whole).max(0) } else { from.min(whole) };
        let to = match length {
            None => whole,
            Some(length) if length >= 0 => from.saturating_add(length),
            Some(length) => (whole + length).max(from),
        };
        let at = |place: i64| usize::try_from(place.min(whole)).unwrap_or_default();
        let part = value.get(at(from)..at(to));
        part.map(str::to_owned).ok_or_else(|| "a part that ends within a character".to_owned())
    }
}

fn unset(name: &str) -> String {
    format!("the environment has no {name}: set it, or write ${{{name}:-}} if nothing is meant")
}

#[cfg(test)]
mod tests {
    use super::interpolate;

    fn values(name: &str) -> Option<String> {
        match name {
            "A" => Some("value".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn values_defaults_and_parts() {
        for (line, expected) in [
            ("a $A ${A}b", "a value valueb"),
            ("${E:-x} ${E-x} ${U:-x} ${U-x}", "x  x x"),
            ("${U:-${V:-$A}}", "value"),
            ("${A:1} ${A:-3} ${A: -3} ${A:1:2} ${A:0:-1}", "alue value lue al valu"),
            ("$$f$$ \\$A \\\\ $(A) 5$", "$f$ $A \\\\ $(A) 5$"),
            ("ü${A?needed}", "üvalue"),
        ] {
            assert_eq!(interpolate(line, &values).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_set_is_named() {
        for (line, says) in [
            ("$U", "no U"),
            ("${U}", "no U"),
            ("${U:1}", "no U"),
            ("${U?why}", "$U: why"),
            ("${A", "not closed"),
            ("${A!}", "means nothing"),
            ("$1", "no name follows"),
            ("${A:x}", "no number"),
        ] {
            let said = interpolate(line, &values).unwrap_err();
            assert!(said.contains(says), "{line}: {said}");
        }
    }
}
