//! A page without secrets.
//!
//! Knows where texts are in a page that templates wrote, and how they are escaped there. Must not know what a
//! secret looks like: escaped, many would not look like one any more.

use std::borrow::Cow;

use crate::secret::Scrubber;

/// The page, with secrets taken out of all that is written between tags and in attributes. What stands
/// before the title is ours alone: the policy and the style.
pub(super) fn scrubbed(page: &str, scrubber: &Scrubber) -> String {
    let (head, mut rest) = page.split_at(page.find("<title>").unwrap_or(0));
    let mut out = head.to_owned();
    let mut is_tag = false;
    // Texts have no `<`, and attributes no quotes, but escaped.
    while let Some(at) = rest.find(|it| if is_tag { matches!(it, '"' | '>') } else { it == '<' }) {
        let (before, after) = rest.split_at(at);
        out.push_str(&if is_tag { Cow::Borrowed(before) } else { text(before, scrubber) });
        if is_tag && after.starts_with('"') {
            let value = after.get(1..).unwrap_or_default();
            let (value, after) = value.split_once('"').unwrap_or((value, ""));
            out.extend(["\"", &text(value, scrubber), "\""]);
            rest = after;
            continue;
        }
        is_tag = after.starts_with('<');
        out.extend(after.chars().next());
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(&text(rest, scrubber));
    out
}

fn text<'t>(escaped: &'t str, scrubber: &Scrubber) -> Cow<'t, str> {
    let plain = unescaped(escaped);
    match scrubber.scrub(&plain) {
        Cow::Borrowed(_) => Cow::Borrowed(escaped),
        Cow::Owned(other) => Cow::Owned(maud::Render::render(&other).into_string()),
    }
}

/// What maud escapes, and no more.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Cow::Owned(plain.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::scrubbed;
    use crate::secret::Scrubber;

    #[test]
    fn a_secret_is_found_as_it_was_before_it_was_escaped() {
        let secret = "<a&\"b>'c\r\nd";
        let page = html! {
            style { "p { color: red }" }
            title { "of " (secret) }
            p title=(secret) { "x" (secret) "y " b { "&lt; " (secret) } }
            p { "postgres://u:p&w@host/db, password=\"x > y\" z" }
            br;
            p class="red" { "red" }
        };
        let scrubber = Scrubber::new([secret]);
        let text = scrubbed(&page.into_string(), &scrubber);
        assert_eq!(
            text,
            "<style>p { color: red }</style><title>of ***</title><p title=\"***\">x***y \
             <b>&amp;lt; ***</b></p><p>postgres://u:***@host/db, password=&quot;***&quot; z</p><br>\
             <p class=\"red\">red</p>"
        );
    }

    #[test]
    fn without_secrets_nothing_changes() {
        let page = html! { title { "a" } p id="x" { "a < b & \"c\"" } "d" }.into_string();
        assert_eq!(scrubbed(&page, &Scrubber::new([])), page);
    }
}
