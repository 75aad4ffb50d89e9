//! Lines of cells between tabs, aligned as Go's text/tabwriter aligns them: a column is as wide as its widest cell and two spaces in
//! every run of lines that have it.

const PADDING: usize = 2;

/// Aligns `text`. The last cell of a line belongs to no column.
pub fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let widths = widths(&lines);
    let mut aligned: Vec<String> = Vec::with_capacity(lines.len());
    for (line, widths) in lines.iter().zip(&widths) {
        let mut out = String::new();
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(&format!("{cell:<width$}"));
        }
        out.push_str(line.last().copied().unwrap_or_default());
        aligned.push(out);
    }
    aligned.join("\n")
}

/// For every line the width of each of its columns.
fn widths(lines: &[Vec<&str>]) -> Vec<Vec<usize>> {
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len() - 1]).collect();
    let columns = lines.iter().map(|line| line.len() - 1).max().unwrap_or_default();
    for column in 0..columns {
        let mut at = 0;
        while at < lines.len() {
            if lines[at].len() - 1 <= column {
                at += 1;
                continue;
            }
            let end = (at..lines.len()).find(|line| lines[*line].len() - 1 <= column).unwrap_or(lines.len());
            let width = (at..end).map(|line| lines[line][column].chars().count()).max().unwrap_or_default() + PADDING;
            (at..end).for_each(|line| widths[line][column] = width);
            at = end;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    /// The rules of the package's documentation: cells are tab-terminated, columns are contiguous.
    #[test]
    fn columns_are_runs_of_lines() {
        let cases = [
            ("a\tb\nlonger\tc\n", "a       b\nlonger  c\n"),
            ("a\tb\nno cell\nlonger\tc", "a  b\nno cell\nlonger  c"),
            ("a\t\tx\nbb\tccc\ty", "a        x\nbb  ccc  y"),
        ];
        for (text, expected) in cases {
            assert_eq!(super::align(text), expected, "{text:?}");
        }
    }
}
