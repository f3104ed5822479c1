//! The part of YAML that jobs are written in, read strictly: what is anything else is an error.
//!
//! Block mappings and sequences, literal blocks (`|`), plain and double-quoted scalars, comments on
//! lines of their own. Each text that is read here is read the same by any reader of YAML 1.2.

use serde_json::{Map, Value};

struct Reader {
    lines: Vec<String>,
    at: usize,
}

/// The value of a document.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { lines: text.lines().map(str::to_owned).collect(), at: 0 };
    let value = reader.block(0)?;
    match reader.next()? {
        Some((_, rest)) => Err(reader.wrong(&format!("does not belong to anything: {rest}"))),
        None => Ok(value),
    }
}

impl Reader {
    fn wrong(&self, problem: &str) -> String {
        format!("line {}: {problem}", self.at + 1)
    }

    /// Indentation and text of the next line that is more than a comment.
    fn next(&mut self) -> Result<Option<(usize, String)>, String> {
        while let Some(line) = self.lines.get(self.at) {
            let text = line.trim_start_matches(' ');
            if !text.is_empty() && !text.starts_with('#') {
                if text.contains('\t') || text.ends_with(' ') {
                    return Err(self.wrong("has a tab, or a blank at its end"));
                }
                return Ok(Some((line.len() - text.len(), text.to_owned())));
            }
            self.at += 1;
        }
        Ok(None)
    }

    /// A mapping or a sequence, indented by `least` or more.
    fn block(&mut self, least: usize) -> Result<Value, String> {
        match self.next()? {
            Some((indent, text)) if indent >= least => {
                if text.starts_with("- ") {
                    self.sequence(indent)
                } else {
                    self.mapping(indent)
                }
            }
            _ => Err(self.wrong("a value was expected")),
        }
    }

    fn sequence(&mut self, indent: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        while let Some((found, text)) = self.next()? {
            if found < indent {
                break;
            }
            let item = text.strip_prefix("- ").filter(|_| found == indent);
            let item = item.ok_or_else(|| self.wrong("an item was expected"))?.to_owned();
            if key(&item).is_some() {
                // It is a mapping that begins beside the hyphen.
                self.lines[self.at] = format!("{}{item}", " ".repeat(indent + 2));
                items.push(self.mapping(indent + 2)?);
            } else {
                items.push(self.scalar(&item, indent)?);
            }
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, indent: usize) -> Result<Value, String> {
        let mut pairs = Map::new();
        while let Some((found, text)) = self.next()? {
            if found < indent {
                break;
            }
            let (name, rest) = key(&text)
                .filter(|_| found == indent)
                .ok_or_else(|| self.wrong(&format!("a key was expected: {text}")))?;
            let value = if rest.is_empty() {
                self.at += 1;
                self.block(indent + 1)?
            } else {
                self.scalar(rest, indent)?
            };
            if pairs.insert(name.to_owned(), value).is_some() {
                return Err(self.wrong(&format!("{name} is there twice")));
            }
        }
        Ok(Value::Object(pairs))
    }

    /// A value on the line, or the lines below it.
    fn scalar(&mut self, text: &str, indent: usize) -> Result<Value, String> {
        self.at += 1;
        if text == "|" {
            return self.literal(indent);
        }
        if text.starts_with('"') {
            return serde_json::from_str(text).map_err(|error| self.wrong(&error.to_string()));
        }
        let is_special = text.starts_with(|it| "[]{}&*!|>'%@`,?#-:".contains(it));
        if is_special || text.contains(": ") || text.contains(" #") || text.ends_with(':') {
            return Err(self.wrong(&format!("is no plain text: {text}")));
        }
        Ok(match text {
            "true" | "false" | "null" => serde_json::from_str(text).unwrap(),
            _ => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
        })
    }

    fn literal(&mut self, indent: usize) -> Result<Value, String> {
        let width = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let first = self.lines.get(self.at).map(|line| width(line)).unwrap_or_default();
        if first <= indent {
            return Err(self.wrong("the text below | is not indented"));
        }
        let mut text = String::new();
        while let Some(line) = self.lines.get(self.at) {
            if !line.trim().is_empty() && width(line) < first {
                break;
            }
            text.push_str(line.get(first..).unwrap_or_default());
            text.push('\n');
            self.at += 1;
        }
        Ok(Value::String(format!("{}\n", text.trim_end_matches('\n'))))
    }
}

/// `key: rest`, or `key:` with nothing behind it.
fn key(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let is_name =
        !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || "_-".contains(it));
    match rest.strip_prefix(' ') {
        _ if !is_name => None,
        Some(rest) => Some((name, rest)),
        None => rest.is_empty().then_some((name, "")),
    }
}

#[test]
fn what_is_no_yaml_is_refused() {
    let good = "a: 1\n# b\nc:\n  - d: \"e f\"\n    g: |\n      h: {\n\n      i\n  - $j == \"k\"\nl:\n  m: n/o\n";
    let value = serde_json::json!({
        "a": 1, "c": [{ "d": "e f", "g": "h: {\n\ni\n" }, "$j == \"k\""], "l": { "m": "n/o" }
    });
    assert_eq!(read(good).unwrap(), value);
    for bad in [
        "a: b: c\n",
        "a:\n",
        "a: 1\na: 2\n",
        "a: 1\n  b: 2\n",
        "a:\n    b: 1\n  c: 2\n",
        "a:\n\tb: 1\n",
        "- a\nb: 1\n",
        "a: |\nb: 1\n",
        "a: [b\n",
        "a: 'b\n",
        "a: \"b\n",
        "a: b # c\n",
        "a b\n",
        "",
    ] {
        assert!(read(bad).is_err(), "{bad:?} was read");
    }
}
