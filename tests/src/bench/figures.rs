//! Pure arithmetic of the measures: order statistics, what /proc says, how a figure is written.

use std::time::Duration;

use anyhow::{Context, Result};

/// Samples in order.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Sorts what was measured.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Durations as milliseconds.
    pub fn of_durations<'a>(durations: impl IntoIterator<Item = &'a Duration>) -> Self {
        Self::new(durations.into_iter().map(|duration| duration.as_secs_f64() * 1e3))
    }

    /// The smallest sample that at least `percent` of all do not exceed; 0 of none.
    pub fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.clamp(1, self.0.len().max(1)) - 1).copied().unwrap_or_default()
    }

    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    pub fn least(&self) -> f64 {
        self.percentile(0.0)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// `p50 12.3 ms, p99 45.6 ms`; with few samples the largest instead of p99.
    pub fn milliseconds(&self) -> String {
        let (name, percent) = if self.len() < 100 { ("max", 100.0) } else { ("p99", 99.0) };
        format!("p50 {} ms, {name} {} ms", figure(self.median()), figure(self.percentile(percent)))
    }
}

/// Three significant digits, as people write them.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The kilobytes that a line of smaps_rollup names.
pub fn smaps_kilobytes(text: &str, field: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.trim().strip_suffix("kB")).with_context(|| format!("no {field}"))?;
    number.trim().parse().with_context(|| format!("{field}: {number}"))
}

/// User and system time of /proc/PID/stat in clock ticks. The name in brackets may hold anything.
pub fn stat_ticks(text: &str) -> Result<u64> {
    let fields: Vec<&str> = text.rsplit_once(") ").context("no name")?.1.split(' ').collect();
    let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("too few fields")?.parse()?) };
    Ok(ticks(11)? + ticks(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_of_the_nearest_rank() {
        let samples = Samples::new((1..=200).rev().map(f64::from));
        for (percent, expected) in [(0.0, 1.0), (0.5, 1.0), (50.0, 100.0), (99.0, 198.0), (100.0, 200.0)] {
            assert_eq!(samples.percentile(percent), expected, "{percent}");
        }
        assert_eq!(Samples::new([3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples::default().median(), 0.0);
    }

    #[test]
    fn few_samples_tell_their_largest() {
        let durations = [Duration::from_millis(250), Duration::from_micros(1500)];
        assert_eq!(Samples::of_durations(&durations).milliseconds(), "p50 1.50 ms, max 250 ms");
        assert_eq!(Samples::new((1..=100).map(f64::from)).milliseconds(), "p50 50.0 ms, p99 99.0 ms");
    }

    #[test]
    fn reads_smaps_rollup() {
        let text = "55d0-7ffe ---p 00000000 00:00 0    [rollup]\nRss:               51200 kB\nPss:               41234 kB\n\
                    Pss_Anon:          30000 kB\nSwap:                  0 kB\n";
        assert_eq!(smaps_kilobytes(text, "Pss").ok(), Some(41_234));
        assert_eq!(smaps_kilobytes(text, "Pss_Anon").ok(), Some(30_000));
        assert!(smaps_kilobytes(text, "Pss_Dirty").is_err());
        assert!(smaps_kilobytes("", "Pss").is_err());
    }

    #[test]
    fn reads_processor_time_past_any_name() {
        let text = "42 (a) S (b) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 3 2 20 0 9 0 1234 1000000 500";
        assert_eq!(stat_ticks(text).ok(), Some(12));
        assert!(stat_ticks("42 (a) S 1").is_err());
    }
}
