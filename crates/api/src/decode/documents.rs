//! Where a second document begins in a YAML stream. Upstream's decoder reads the first one and passes over the rest without a word.

/// The line of the first content after the first document, counted from 1; markers with nothing after them begin no document.
pub fn second(bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes);
    let (mut begun, mut ended) = (false, false);
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        // At the start of a line these are markers wherever they stand, in quoted and block texts too.
        let content = match marker(line, "---").or_else(|| marker(line, "...")) {
            Some(after) => {
                ended |= begun;
                after
            }
            None if !begun && line.starts_with('%') => continue,
            None => line,
        };
        let content = content.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if ended {
            return Some(at + 1);
        }
        begun = true;
    }
    None
}

/// What follows a marker on its line.
fn marker<'l>(line: &'l str, marker: &str) -> Option<&'l str> {
    line.strip_prefix(marker).filter(|after| after.is_empty() || after.starts_with([' ', '\t']))
}
