//! Drops commas before a closing bracket, which JSON doesn't have and several modules do.

/// The text without such commas, and the lines that they stood on.
pub(super) fn without_trailing(json: &str) -> (String, Vec<usize>) {
    let mut kept = String::with_capacity(json.len());
    let mut lines = Vec::new();
    let mut line = 1;
    // Where a comma stands in `kept` after which only space has come so far, and its line.
    let mut comma: Option<(usize, usize)> = None;
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        if in_text {
            (in_text, escaped) = match (c, escaped) {
                ('"', false) => (false, false),
                ('\\', false) => (true, true),
                _ => (true, false),
            };
        } else {
            match c {
                ',' => comma = Some((kept.len(), line)),
                ' ' | '\t' | '\r' | '\n' => {}
                ']' | '}' => {
                    if let Some((at, line)) = comma.take() {
                        // Only space came after it, so that this stays linear.
                        let space = kept.split_off(at);
                        kept.push_str(space.get(1..).unwrap_or_default());
                        lines.push(line);
                    }
                }
                '"' => {
                    in_text = true;
                    comma = None;
                }
                _ => comma = None,
            }
        }
        if c == '\n' {
            line += 1;
        }
        kept.push(c);
    }
    (kept, lines)
}
