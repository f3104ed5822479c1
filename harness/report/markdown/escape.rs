//! Text of users within GitHub's markdown, so that it stays text.
//!
//! Knows what GitHub makes of characters. Must not know reports.

/// Text on one line: no markup, no HTML, no cell of a table, and nobody is mentioned.
pub(in crate::report) fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let text = text.trim();
    // What would begin a list, a rule or a heading.
    let number = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    for (at, c) in text.char_indices() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '-' | '+' | '=' | '.' | ')' if at == number => {
                escaped.push('\\');
                escaped.push(c);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // GitHub looks for @name and #number in what was rendered: an entity would not do.
            '@' | '#' => {
                escaped.push(c);
                escaped.push('\u{200b}');
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text as code within a line, where nothing is marked up and nobody mentioned.
pub(super) fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let run = longest_run(&text);
    if run == 0 {
        return format!("`{text}`");
    }
    let ticks = "`".repeat(run + 1);
    // A blank parts the fence from backticks at the ends; markdown takes it off again.
    format!("{ticks} {text} {ticks}")
}

/// A block of code, whose fence is longer than any run of backticks in it.
pub(super) fn fence(language: &str, lines: &[String]) -> String {
    let text = lines.join("\n").replace('\r', "");
    let ticks = "`".repeat((longest_run(&text) + 1).max(3));
    format!("{ticks}{language}\n{text}\n{ticks}\n\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{code, fence, inline};

    #[test]
    fn text_stays_text() {
        assert_eq!(
            inline("a|b `c` <b>&@all #1\nx"),
            "a\\|b \\`c\\` &lt;b&gt;&amp;@\u{200b}all #\u{200b}1 x"
        );
        assert_eq!(inline("12. x"), "12\\. x");
        assert_eq!(inline(" - x - y"), "\\- x - y");
        assert_eq!(inline("[a](b) ![i](j) *x* _y_"), "\\[a\\](b) \\!\\[i\\](j) \\*x\\* \\_y\\_");
    }

    #[test]
    fn fences_are_longer_than_what_they_hold() {
        assert_eq!(code("a\nb"), "`a b`");
        assert_eq!(code("a``b`"), "``` a``b` ```");
        let lines = ["````".to_owned(), "x".to_owned()];
        assert_eq!(fence("sql", &lines), "`````sql\n````\nx\n`````\n\n");
        assert_eq!(fence("sql", &lines[1..]), "```sql\nx\n```\n\n");
    }
}
