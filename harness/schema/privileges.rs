//! Privileges: from the server's `aclitem[]` text to `grant` lines.
//!
//! Knows the text form of access lists. Must not know which object they belong to.

use std::collections::BTreeMap;

/// What one grantor gave to one role.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    /// Privilege letters without grant option, sorted.
    plain: String,
    /// Privilege letters with grant option, sorted.
    grantable: String,
}

/// By (grantee, grantor).
type Access = BTreeMap<(String, String), Given>;

/// The lines after `grant` for an access list that may differ from `default`: sorted, and nothing
/// for what the default has too.
pub(super) fn grants(acl: &str, default: &str, owner: Option<&str>) -> Vec<String> {
    let (given, usual) = (access(acl), access(default));
    let complete = complete(&usual);
    let mut lines = Vec::new();
    for ((grantee, grantor), has) in &given {
        if usual.get(&(grantee.clone(), grantor.clone())) == Some(has) {
            continue;
        }
        let by = match owner {
            Some(owner) if owner != grantor => format!(" granted by {}", shown(grantor)),
            _ => String::new(),
        };
        for (letters, option) in [(&has.plain, ""), (&has.grantable, " with grant option")] {
            if !letters.is_empty() {
                let words = words(letters, &complete);
                lines.push(format!("{words} to {}{option}{by}", shown(grantee)));
            }
        }
    }
    for (grantee, grantor) in usual.keys() {
        if !given.contains_key(&(grantee.clone(), grantor.clone())) {
            lines.push(format!("nothing to {}", shown(grantee)));
        }
    }
    lines.sort();
    lines
}

/// All privileges that the kind of object has: what its owner has by default, or a column's four.
fn complete(usual: &Access) -> String {
    let widest = usual.values().map(|given| sorted(&[&*given.plain, &*given.grantable].concat()));
    widest.max_by_key(String::len).unwrap_or_else(|| "arwx".to_owned())
}

pub(super) fn shown(role: &str) -> String {
    if role.is_empty() {
        return "public".to_owned();
    }
    let plain = role.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && role.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && role != "public";
    if plain { role.to_owned() } else { crate::postgres::quote_ident(role) }
}

fn words(letters: &str, complete: &str) -> String {
    if letters.len() > 1 && sorted(letters) == sorted(complete) {
        return "all".to_owned();
    }
    let mut words: Vec<&str> = letters.chars().map(word).collect();
    words.sort_unstable();
    words.join(", ")
}

fn word(letter: char) -> &'static str {
    match letter {
        'r' => "select",
        'a' => "insert",
        'w' => "update",
        'd' => "delete",
        'D' => "truncate",
        'x' => "references",
        't' => "trigger",
        'X' => "execute",
        'U' => "usage",
        'C' => "create",
        'c' => "connect",
        'T' => "temporary",
        's' => "set",
        'A' => "alter system",
        'm' => "maintain",
        _ => "a privilege of a later version",
    }
}

fn sorted(letters: &str) -> String {
    let mut letters: Vec<char> = letters.chars().collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// Reads `{role=arw*/grantor,...}`.
fn access(acl: &str) -> Access {
    elements(acl).iter().filter_map(|item| entry(item)).collect()
}

fn entry(item: &str) -> Option<((String, String), Given)> {
    let (grantee, rest) = role(item, '=')?;
    let (letters, grantor) = rest.split_once('/')?;
    let (grantor, _) = role(&format!("{grantor}="), '=')?;
    let (mut plain, mut grantable) = (String::new(), String::new());
    let mut letters = letters.chars().peekable();
    while let Some(letter) = letters.next() {
        if letters.next_if_eq(&'*').is_some() {
            grantable.push(letter);
        } else {
            plain.push(letter);
        }
    }
    Some(((grantee, grantor), Given { plain: sorted(&plain), grantable: sorted(&grantable) }))
}

/// The role name at the beginning of `text`, in quotes or not, up to `end`; and what follows.
fn role(text: &str, end: char) -> Option<(String, String)> {
    let mut name = String::new();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => name.push('"'),
            '"' => quoted = !quoted,
            c if c == end && !quoted => return Some((name, characters.collect())),
            c => name.push(c),
        }
    }
    None
}

/// The elements of a one-dimensional array in the server's text form.
fn elements(array: &str) -> Vec<String> {
    let inner = array.trim_start_matches('{');
    let mut found = Vec::new();
    let mut element = String::new();
    let mut quoted = false;
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => element.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' | '}' if !quoted => {
                if !element.is_empty() {
                    found.push(std::mem::take(&mut element));
                }
            }
            c => element.push(c),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::grants;

    fn of(acl: &str) -> Vec<String> {
        grants(acl, "{ann=arwdDxt/ann}", Some("ann"))
    }

    #[test]
    fn order_and_the_default_do_not_show() {
        assert!(of("{ann=arwdDxt/ann}").is_empty());
        assert_eq!(of("{bo=r/ann,ann=arwdDxt/ann}"), of("{ann=arwdDxt/ann,bo=r/ann}"));
    }

    #[test]
    fn what_the_owner_lost_shows() {
        assert_eq!(of("{}"), ["nothing to ann"]);
        assert_eq!(
            of("{ann=arwDxt/ann}"),
            ["insert, references, select, trigger, truncate, update to ann"]
        );
    }

    #[test]
    fn options_grantors_and_strange_roles_show() {
        assert_eq!(
            of(r#"{ann=arwdDxt/ann,=r/ann,bo=r*w/ann,cy=r/bo,"\"a =,\"\"\\b\"=arwdDxt/ann"}"#),
            [
                "all to \"a =,\"\"\\b\"",
                "select to bo with grant option",
                "select to cy granted by bo",
                "select to public",
                "update to bo"
            ]
        );
    }
}
