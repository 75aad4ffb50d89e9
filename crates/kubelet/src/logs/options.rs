//! What of a log is asked for: the query of /containerLogs. Pure.

use jiff::{SignedDuration, Timestamp};

use super::line::{Line, Stream};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    pub tail_lines: Option<u64>,
    pub since: Option<Timestamp>,
    pub limit_bytes: Option<u64>,
    /// Only this stream; both without.
    pub stream: Option<Stream>,
}

fn is_true(value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("{other:?} is not a boolean")),
    }
}

impl LogOptions {
    /// Reads the query; a value out of range is named.
    pub fn parse(query: &[(String, String)], now: Timestamp) -> Result<Self, String> {
        let mut options = Self::default();
        for (name, value) in query {
            let number = |least: u64| match value.parse::<u64>() {
                Ok(number) if number >= least => Ok(number),
                _ => Err(format!("{name}: {value:?} must be a number of at least {least}")),
            };
            match name.as_str() {
                "follow" => options.follow = is_true(value)?,
                "previous" => options.previous = is_true(value)?,
                "timestamps" => options.timestamps = is_true(value)?,
                "tailLines" => options.tail_lines = Some(number(0)?),
                "limitBytes" => options.limit_bytes = Some(number(1)?),
                "sinceSeconds" => {
                    let seconds = i64::try_from(number(1)?).map_err(|error| error.to_string())?;
                    options.since = Some(now - SignedDuration::from_secs(seconds));
                }
                "sinceTime" => options.since = Some(value.parse().map_err(|error| format!("sinceTime: {error}"))?),
                "stream" => options.stream = stream(value)?,
                // Other parameters are of no matter to logs (`insecureSkipTLSVerifyBackend`, `container`).
                _ => {}
            }
        }
        Ok(options)
    }

    fn shows(&self, line: &Line) -> bool {
        self.since.is_none_or(|since| line.time >= since) && self.stream.is_none_or(|stream| line.stream == stream)
    }

    /// Adds the text of a raw line as it is sent; nothing when it is not asked for. `is_open`: the text so far ends within a
    /// line that was written in parts, which has its time already.
    pub fn render(&self, raw: &[u8], is_open: &mut bool, text: &mut Vec<u8>) {
        let Some(line) = super::line::parse(raw).filter(|line| self.shows(line)) else { return };
        if self.timestamps && !*is_open {
            text.extend_from_slice(line.time_text.as_bytes());
            text.push(b' ');
        }
        text.extend_from_slice(line.text);
        if !line.is_partial {
            text.push(b'\n');
        }
        *is_open = line.is_partial;
    }
}

fn stream(value: &str) -> Result<Option<Stream>, String> {
    match value {
        "" | "All" => Ok(None),
        "Stdout" => Ok(Some(Stream::Stdout)),
        "Stderr" => Ok(Some(Stream::Stderr)),
        other => Err(format!("stream: {other:?} is none of \"All\", \"Stdout\", \"Stderr\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(query: &str) -> Result<LogOptions, String> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        LogOptions::parse(&pairs, Timestamp::from_second(1000).unwrap())
    }

    #[test]
    fn queries() {
        let all =
            options("follow=true&tailLines=10&sinceSeconds=60&limitBytes=5&timestamps=true&stream=Stderr").unwrap();
        assert_eq!((all.follow, all.tail_lines, all.limit_bytes), (true, Some(10), Some(5)));
        assert_eq!((all.since, all.stream), (Some(Timestamp::from_second(940).unwrap()), Some(Stream::Stderr)));
        assert!(options("tailLines=-1").is_err() && options("stream=x").is_err() && options("limitBytes=0").is_err());
    }

    fn rendered(query: &str, lines: &[&str]) -> String {
        let (options, mut is_open, mut text) = (options(query).unwrap(), false, Vec::new());
        for line in lines {
            options.render(line.as_bytes(), &mut is_open, &mut text);
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn lines() {
        let raw = "1970-01-01T00:16:00Z stdout F hello";
        assert_eq!(rendered("", &[raw]), "hello\n");
        assert_eq!(rendered("timestamps=1", &[raw]), "1970-01-01T00:16:00Z hello\n");
        assert_eq!(rendered("stream=Stderr", &[raw]), "");
        assert_eq!(rendered("sinceTime=1970-01-01T00:16:01Z", &[raw]), "");
        let part = "1970-01-01T00:15:59Z stdout P he said ";
        assert_eq!(
            rendered("timestamps=1", &[part, raw, raw]),
            "1970-01-01T00:15:59Z he said hello\n1970-01-01T00:16:00Z hello\n"
        );
        assert_eq!(rendered("", &["not in the format"]), "");
    }
}
