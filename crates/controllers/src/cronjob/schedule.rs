//! A CronJob's schedule: five fields, a macro such as `@daily`, or `@every DURATION`, in a time zone.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// When to start Jobs.
pub enum Schedule {
    Fields(Box<Cron>, TimeZone),
    /// A fixed distance from the last start.
    Every(SignedDuration),
}

impl Schedule {
    /// The error's text goes into an event.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        let text = text.trim();
        if let Some(duration) = text.strip_prefix("@every ") {
            let duration: SignedDuration = duration.trim().parse().map_err(|error: jiff::Error| error.to_string())?;
            return Ok(Self::Every(duration.max(SignedDuration::from_secs(1))));
        }
        let text = if text == "@midnight" { "@daily" } else { text };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        match parser.parse(text) {
            Ok(cron) => Ok(Self::Fields(Box::new(cron), zone)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The first start after `from`; None for dates that never come.
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(duration) => whole_second(from).checked_add(*duration).ok(),
            Self::Fields(cron, zone) => {
                let next = cron.find_next_occurrence(&from.to_zoned(zone.clone()), false);
                next.ok().map(|at: Zoned| at.timestamp())
            }
        }
    }

    /// The last start after `from` and not after `now`, and whether more than a hundred were missed.
    pub fn latest(&self, from: Timestamp, now: Timestamp) -> Option<(Timestamp, bool)> {
        let first = self.next(from).filter(|first| *first <= now)?;
        let Some(second) = self.next(first).filter(|second| *second <= now) else { return Some((first, false)) };
        let distance = second.duration_since(first).as_secs().max(1);
        let missed = now.duration_since(first).as_secs() / distance + 1;
        let latest = match self {
            Self::Every(_) => first + SignedDuration::from_secs((missed - 1) * distance),
            Self::Fields(cron, zone) => {
                let previous = cron.find_previous_occurrence(&now.to_zoned(zone.clone()), true);
                previous.map_or(second, |at: Zoned| at.timestamp())
            }
        };
        Some((latest, missed > 100))
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn next(schedule: &str, zone: &str, from: &str) -> Option<String> {
        let zone = TimeZone::get(zone).expect("a zone");
        let schedule = Schedule::parse(schedule, zone).expect("a schedule");
        schedule.next(at(from)).map(|at| at.to_string())
    }

    // robfig/cron's spec_test.go TestNext, in the zones given there.
    #[test]
    fn the_next_start_is_the_one_cron_names() {
        let cases = [
            ("*/15 * * * *", "UTC", "2012-07-09T14:45:00Z", "2012-07-09T15:00:00Z"),
            ("20-35/15 * * * *", "UTC", "2012-07-09T15:45:00Z", "2012-07-09T16:20:00Z"),
            ("0 0 1,15 * *", "UTC", "2012-07-09T00:00:00Z", "2012-07-15T00:00:00Z"),
            ("0 0 * Feb Mon", "UTC", "2012-07-09T23:35:00Z", "2013-02-04T00:00:00Z"),
            ("0 0 29 2 *", "UTC", "2012-07-09T23:35:00Z", "2016-02-29T00:00:00Z"),
            ("@hourly", "UTC", "2012-07-09T14:59:59Z", "2012-07-09T15:00:00Z"),
            ("@midnight", "UTC", "2012-07-09T14:59:59Z", "2012-07-10T00:00:00Z"),
            ("@every 90m", "UTC", "2012-07-09T14:00:00Z", "2012-07-09T15:30:00Z"),
            ("0 9 * * *", "America/New_York", "2026-01-01T00:00:00Z", "2026-01-01T14:00:00Z"),
        ];
        for (schedule, zone, from, expected) in cases {
            assert_eq!(next(schedule, zone, from).as_deref(), Some(expected), "{schedule}");
        }
        assert_eq!(next("0 0 31 4 *", "UTC", "2012-07-09T23:35:00Z"), None);
        for wrong in ["* * * *", "60 * * * *", "every minute", "* * * * * *", "@every soon"] {
            assert!(Schedule::parse(wrong, TimeZone::UTC).is_err(), "{wrong}");
        }
    }

    // pkg/controller/cronjob/utils_test.go TestMostRecentScheduleTime.
    #[test]
    fn the_latest_missed_start_counts() {
        let hourly = Schedule::parse("0 * * * *", TimeZone::UTC).expect("a schedule");
        let latest = |from: &str, now: &str| hourly.latest(at(from), at(now)).map(|(at, many)| (at.to_string(), many));
        assert_eq!(latest("2016-05-19T10:00:00Z", "2016-05-19T10:30:00Z"), None);
        let some = |text: &str, many| Some((text.to_owned(), many));
        assert_eq!(latest("2016-05-19T09:30:00Z", "2016-05-19T10:30:00Z"), some("2016-05-19T10:00:00Z", false));
        assert_eq!(latest("2016-05-19T06:30:00Z", "2016-05-19T10:30:00Z"), some("2016-05-19T10:00:00Z", false));
        assert_eq!(latest("2016-05-01T06:30:00Z", "2016-05-19T10:30:00Z"), some("2016-05-19T10:00:00Z", true));
    }
}
