//! The text of a form: a comment that says what the rules are, what they can break and how they are taken back; then
//! the rules.

use crate::block::Form;
use crate::block::select::Input;
use jiff::civil::Date;
use ostrakon_model::locator::is_invisible;

/// How a form writes comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comment {
    /// Lines that begin with this mark.
    Mark(char),
    /// `<!-- -->`
    Xml,
    /// Not at all.
    None,
}

/// The rules in one form, and what to say of them.
pub(super) struct Draft {
    /// How the form writes comments.
    pub(super) comment: Comment,
    /// What comes before the comment.
    pub(super) before: &'static str,
    /// The rules.
    pub(super) body: String,
    /// How many deny something.
    pub(super) count: usize,
    /// What they can break, one sentence or two each.
    pub(super) breaks: Vec<String>,
    /// What is let through first.
    pub(super) allow: String,
    /// Commands that put the rules in force.
    pub(super) install: String,
    /// Commands that take them back.
    pub(super) way_back: String,
}

/// The first line of the comment.
pub(super) fn made(input: Input<'_>, form: Form, today: Date, count: usize) -> String {
    let dossiers: Vec<_> = input.dossiers.iter().map(|dossier| dossier.id.as_str()).collect();
    format!(
        "{count} deny rules for {form}, made by Ostrakon on {today} from the order {} ({}) and the dossiers {}.",
        input.order.id,
        input.order.title,
        dossiers.join(", ")
    )
}

/// The whole text.
pub(super) fn whole(draft: &Draft, first: &str, not_expressed: &[String]) -> String {
    let mut lines = wrapped(first, "");
    let part = |title: &str| vec![String::new(), title.to_owned()];
    lines.extend(part("WHAT IT CAN BREAK"));
    lines.extend(draft.breaks.iter().flat_map(|line| wrapped(line, "- ")));
    lines.extend(part("SELF-ALLOW LIST"));
    lines.extend(wrapped(&draft.allow, "  "));
    lines.extend(part("INSTALL"));
    lines.extend(draft.install.lines().map(|line| format!("  {line}")));
    lines.extend(part("WAY BACK"));
    lines.extend(draft.way_back.lines().map(|line| format!("  {line}")));
    if !not_expressed.is_empty() {
        lines.extend(part("NOT EXPRESSED HERE"));
        lines.extend(not_expressed.iter().flat_map(|line| wrapped(line, "- ")));
    }
    let lines: Vec<_> = lines.iter().map(|line| clean(line)).collect();
    let comment = match draft.comment {
        Comment::Mark(mark) => {
            let line = |line: &String| if line.is_empty() { format!("{mark}\n") } else { format!("{mark} {line}\n") };
            lines.iter().map(line).collect::<String>()
        }
        Comment::Xml => format!("<!--\n{}\n-->\n", lines.iter().map(|line| apart(line)).collect::<Vec<_>>().join("\n")),
        Comment::None => String::new(),
    };
    let between = if comment.is_empty() || draft.comment == Comment::Xml { "" } else { "\n" };
    format!("{}{comment}{between}{}", draft.before, draft.body)
}

/// `text` without letters that end a line or change how the text around them is shown.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() || is_invisible(letter) { ' ' } else { letter }).collect()
}

/// `text` as the value of an XML attribute or element.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::new();
    for letter in clean(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Not letters of XML at all.
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// Two hyphens end a comment in XML.
fn apart(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter == '-' && out.ends_with('-') {
            out.push(' ');
        }
        out.push(if matches!(letter, '\u{fffe}' | '\u{ffff}') { ' ' } else { letter });
    }
    out
}

/// Words in lines of about a hundred letters; the first begins with `mark`, the others are as far in.
fn wrapped(text: &str, mark: &str) -> Vec<String> {
    let mut lines = vec![mark.to_owned()];
    let mut empty = true;
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if !empty && line + word.chars().count() >= 100 {
            lines.push(" ".repeat(mark.len()));
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_from_elsewhere_ends_a_comment() {
        assert_eq!(clean("a\nb\r\u{202e}c"), "a b  c");
        assert_eq!(apart("a --> b --- c"), "a - -> b - - - c");
        assert_eq!(xml("\"/><Deny\n"), "&quot;/&gt;&lt;Deny ");
    }

    #[test]
    fn long_lines_are_wrapped_and_short_ones_are_not() {
        assert_eq!(wrapped("one two", "- "), ["- one two"]);
        let lines = wrapped(&"word ".repeat(50), "- ");
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 101), "{lines:?}");
        assert!(lines[1].starts_with("  word"));
    }
}
