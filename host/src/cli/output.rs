//! The only place that prints. stdout: results. stderr: everything for people.
use std::io::{self, Write as _};

/// A result, as it is.
pub(super) fn result(bytes: &[u8]) {
    // A closed pipe is the reader's choice, not a failure.
    let _ = io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush());
}

/// A result for machines: one JSON value on one line.
pub(super) fn json(value: &serde_json::Value) {
    line(&value.to_string());
}

/// A line of a result.
pub(super) fn line(text: &str) {
    result(format!("{text}\n").as_bytes());
}

/// The guest's standard error, as it is.
pub(super) fn guest_stderr(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

/// A line for people.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// An error with its causes.
pub(super) fn error(error: &anyhow::Error) {
    note(&format!("error: {}", crate::report::causes(error.as_ref())));
}

/// A table for people: columns padded, numbers to the right when their heading starts with a space.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].trim().chars().count()]).max().unwrap_or(0)
    };
    let render = |cells: Vec<&str>| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let fill = " ".repeat(width(column).saturating_sub(cell.chars().count()));
            if headings[column].starts_with(' ') { format!("{fill}{cell}") } else { format!("{cell}{fill}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![render(headings.iter().map(|heading| heading.trim()).collect())];
    lines
        .push(render((0..headings.len()).map(|column| &DASHES[..width(column).min(DASHES.len())]).collect()));
    lines.extend(rows.iter().map(|row| render(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

const DASHES: &str = "--------------------------------------------------------------------------------";

#[cfg(test)]
mod tests {
    #[test]
    fn tables_line_up() {
        let rows = [vec!["provider-1".to_owned(), "12".to_owned()], vec!["x".to_owned(), "3".to_owned()]];
        let text = super::table(&["who", " fuel"], &rows);
        assert_eq!(text, "who         fuel\n----------  ----\nprovider-1    12\nx              3");
    }
}
