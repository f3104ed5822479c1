//! Reads a regular expression as `PostgreSQL` does.
//!
//! Knows the advanced dialect but for back references, collating elements and expanded syntax.
//! Anchors and lookarounds are read as nothing.

use std::iter::Peekable;
use std::str::Chars;

/// How deep groups may be in each other.
const DEPTH: usize = 32;
/// How often something may be repeated, as the server has it.
const MOST: u32 = 255;

/// A part of a regular expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// One of these characters, as ranges.
    Set(Vec<(char, char)>),
    /// One after the other.
    Each(Vec<Node>),
    /// One of them.
    Either(Vec<Node>),
    /// That often; without end where no most is said.
    Repeat(Box<Node>, u32, Option<u32>),
}

/// The parts of a regular expression; nothing where it can't be read.
pub(super) fn parse(pattern: &str) -> Option<Node> {
    let pattern = pattern.strip_prefix("***:").unwrap_or(pattern);
    if let Some(literal) = pattern.strip_prefix("***=") {
        return Some(Node::Each(literal.chars().map(one).collect()));
    }
    let mut reader = Reader { signs: options(pattern)?.chars().peekable() };
    let node = reader.either(DEPTH)?;
    reader.signs.next().is_none().then_some(node)
}

/// What stands behind `(?i)`: none of the options but the expanded syntax changes what is read.
fn options(pattern: &str) -> Option<&str> {
    let Some((letters, rest)) = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'))
    else {
        return Some(pattern);
    };
    match letters.chars().all(|letter| letter.is_ascii_lowercase()) {
        true if letters.contains(['x', 'q', 'b', 'e']) => None,
        true => Some(rest),
        false => Some(pattern),
    }
}

struct Reader<'a> {
    signs: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn either(&mut self, depth: usize) -> Option<Node> {
        let mut ways = vec![self.each(depth)?];
        while self.signs.next_if_eq(&'|').is_some() {
            ways.push(self.each(depth)?);
        }
        if ways.len() == 1 { ways.pop() } else { Some(Node::Either(ways)) }
    }

    fn each(&mut self, depth: usize) -> Option<Node> {
        let mut nodes = Vec::new();
        while let Some(sign) = self.signs.next_if(|sign| !matches!(sign, '|' | ')')) {
            let Some(atom) = self.atom(sign, depth.checked_sub(1)?)? else { continue };
            nodes.push(self.repeated(atom)?);
        }
        Some(Node::Each(nodes))
    }

    /// The part that begins with `sign`: inside, nothing stands for an anchor.
    #[expect(clippy::option_option, reason = "not readable, read as nothing, read")]
    fn atom(&mut self, sign: char, depth: usize) -> Option<Option<Node>> {
        match sign {
            '(' => self.group(depth),
            '[' => self.set().map(Some),
            '.' => Some(Some(Node::Set(printable()))),
            '^' | '$' => Some(None),
            '\\' => self.escape(),
            '*' | '+' | '?' => None,
            '{' if self.signs.peek().is_some_and(char::is_ascii_digit) => None,
            _ => Some(Some(one(sign))),
        }
    }

    #[expect(clippy::option_option, reason = "as for an atom")]
    fn group(&mut self, depth: usize) -> Option<Option<Node>> {
        let mut looks = false;
        if self.signs.next_if_eq(&'?').is_some() {
            match self.signs.next()? {
                ':' => {}
                '=' | '!' => looks = true,
                '<' => looks = matches!(self.signs.next()?, '=' | '!'),
                _ => return None,
            }
        }
        let inner = self.either(depth)?;
        self.signs.next_if_eq(&')')?;
        // What it looks for is left to the server, which refuses strings that don't have it.
        Some((!looks).then_some(inner))
    }

    fn repeated(&mut self, atom: Node) -> Option<Node> {
        let (min, max) = match self.signs.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(atom),
            _ => return Some(atom),
        };
        self.signs.next();
        self.ended(Node::Repeat(Box::new(atom), min, max))
    }

    fn counted(&mut self, atom: Node) -> Option<Node> {
        self.signs.next();
        let Some(min) = self.count() else {
            // A brace without a number is a brace.
            return Some(Node::Each(vec![atom, one('{')]));
        };
        let max = match self.signs.next_if_eq(&',') {
            Some(_) => self.count(),
            None => Some(min),
        };
        self.signs.next_if_eq(&'}')?;
        let is_sound = min <= MOST && max.is_none_or(|max| min <= max && max <= MOST);
        is_sound.then_some(())?;
        self.ended(Node::Repeat(Box::new(atom), min, max))
    }

    /// Behind a quantifier: `?` only says what is preferred, another quantifier is an error.
    fn ended(&mut self, node: Node) -> Option<Node> {
        self.signs.next_if_eq(&'?');
        let goes_on = self.signs.peek().is_some_and(|sign| matches!(sign, '*' | '+' | '?'));
        (!goes_on).then_some(node)
    }

    fn count(&mut self) -> Option<u32> {
        let mut digits = String::new();
        while let Some(digit) = self.signs.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits.parse().ok()
    }

    #[expect(clippy::option_option, reason = "as for an atom")]
    fn escape(&mut self) -> Option<Option<Node>> {
        match self.signs.next()? {
            'A' | 'Z' | 'm' | 'M' | 'y' | 'Y' | '<' | '>' => Some(None),
            letter @ ('d' | 'w' | 's') => Some(Some(Node::Set(named(letter)))),
            letter @ ('D' | 'W' | 'S') => {
                Some(Some(Node::Set(others(&named(letter.to_ascii_lowercase())))))
            }
            letter => self.character(letter).map(|sign| Some(one(sign))),
        }
    }

    /// The character that a letter behind a backslash stands for.
    fn character(&mut self, letter: char) -> Option<char> {
        let mut coded = |most: usize| {
            let mut digits = String::new();
            while digits.len() < most
                && let Some(digit) = self.signs.next_if(char::is_ascii_hexdigit)
            {
                digits.push(digit);
            }
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
        };
        match letter {
            't' => Some('\t'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            'f' => Some('\u{c}'),
            'v' => Some('\u{b}'),
            'x' => coded(2),
            'u' => coded(4),
            'U' => coded(8),
            // Back references and what else has a meaning.
            _ if letter.is_ascii_alphanumeric() => None,
            _ => Some(letter),
        }
    }

    /// A bracket expression, whose bracket was read.
    fn set(&mut self) -> Option<Node> {
        let is_negated = self.signs.next_if_eq(&'^').is_some();
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut is_first = true;
        loop {
            let sign = self.signs.next()?;
            if sign == ']' && !is_first {
                break;
            }
            is_first = false;
            if let Some(class) = self.class(sign)? {
                ranges.extend(class);
                continue;
            }
            let low = self.member(sign)?;
            let mut ahead = self.signs.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|it| it != ']');
            let high = if is_range {
                self.signs.next();
                let sign = self.signs.next()?;
                self.member(sign)?
            } else {
                low
            };
            (low <= high).then_some(())?;
            ranges.push((low, high));
        }
        let ranges = if is_negated { others(&ranges) } else { ranges };
        (!ranges.is_empty()).then_some(Node::Set(ranges))
    }

    fn member(&mut self, sign: char) -> Option<char> {
        if sign != '\\' {
            return Some(sign);
        }
        let letter = self.signs.next()?;
        self.character(letter)
    }

    /// `[:alpha:]` or `\d` within brackets; outside nothing where it can't be read.
    #[expect(clippy::option_option, reason = "not readable, no class, a class")]
    fn class(&mut self, sign: char) -> Option<Option<Vec<(char, char)>>> {
        let next = self.signs.peek().copied();
        match (sign, next) {
            ('\\', Some(letter @ ('d' | 'w' | 's'))) => {
                self.signs.next();
                Some(Some(named(letter)))
            }
            ('[', Some('.' | '=')) => None,
            ('[', Some(':')) => {
                self.signs.next();
                let mut name = String::new();
                while let Some(letter) = self.signs.next_if(char::is_ascii_lowercase) {
                    name.push(letter);
                }
                self.signs.next_if_eq(&':')?;
                self.signs.next_if_eq(&']')?;
                posix(&name).map(Some)
            }
            _ => Some(None),
        }
    }
}

fn one(sign: char) -> Node {
    Node::Set(vec![(sign, sign)])
}

/// What every encoding and every eye can tell apart.
fn printable() -> Vec<(char, char)> {
    vec![(' ', '~')]
}

fn named(letter: char) -> Vec<(char, char)> {
    match letter {
        'd' => vec![('0', '9')],
        's' => vec![(' ', ' ')],
        _ => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
    }
}

fn posix(name: &str) -> Option<Vec<(char, char)>> {
    Some(match name {
        "alpha" => vec![('a', 'z'), ('A', 'Z')],
        "digit" => named('d'),
        "alnum" => vec![('a', 'z'), ('A', 'Z'), ('0', '9')],
        "word" => named('w'),
        "upper" => vec![('A', 'Z')],
        "lower" => vec![('a', 'z')],
        "space" | "blank" => named('s'),
        "xdigit" => vec![('0', '9'), ('a', 'f'), ('A', 'F')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "print" | "ascii" => printable(),
        "graph" => vec![('!', '~')],
        "cntrl" => vec![('\t', '\t')],
        _ => return None,
    })
}

/// The printable characters that are not in these ranges.
fn others(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let is_in = |sign: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&sign));
    (' '..='~').filter(|sign| !is_in(*sign)).map(|sign| (sign, sign)).collect()
}
