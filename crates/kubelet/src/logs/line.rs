//! One line of a CRI log: `TIMESTAMP STREAM TAGS TEXT`. Pure.

use jiff::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    pub time: Timestamp,
    /// As it stands in the file, with its nanoseconds.
    pub time_text: &'a str,
    pub stream: Stream,
    /// The runtime cut the line here: the next one continues it.
    pub is_partial: bool,
    pub text: &'a [u8],
}

/// Reads a line without its line break; None when it is not in the format.
pub fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time_text = std::str::from_utf8(parts.next()?).ok()?;
    let stream = match parts.next()? {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    let tags = parts.next()?;
    let is_partial = tags.split(|byte| *byte == b':').next() == Some(b"P");
    let text = parts.next().unwrap_or_default();
    Some(Line { time: time_text.parse().ok()?, time_text, stream, is_partial, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the CRI log format's design.
    #[test]
    fn reads_full_and_partial_lines() {
        let line = parse(b"2016-10-06T00:17:09.669794202Z stdout P log content 1").unwrap();
        assert_eq!((line.stream, line.is_partial, line.text), (Stream::Stdout, true, &b"log content 1"[..]));
        let line = parse(b"2016-10-06T00:17:10.113242941+08:00 stderr F log content 2").unwrap();
        assert_eq!((line.stream, line.is_partial, line.text), (Stream::Stderr, false, &b"log content 2"[..]));
        assert_eq!(parse(b"2016-10-06T00:17:09Z stdout F ").unwrap().text, b"");
        assert_eq!(parse(b"2016-10-06T00:17:09Z stdlog F a"), None);
        assert_eq!(parse(b"text"), None);
    }
}
