//! Sets of completion indexes in the form the status has them: `1,3-5,7`.

use std::collections::BTreeSet;

use client::Object;
use k8s_openapi::api::core::v1::Pod;

pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Reads the text of a status; indexes beyond `completions` are dropped (an elastic Job was made smaller).
pub fn parse(text: &str, completions: i32) -> BTreeSet<i32> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) {
            indexes.extend(first..=last.min(completions - 1));
        }
    }
    indexes.retain(|index| *index < completions);
    indexes
}

/// Writes runs of three and more as a range, as upstream does; a run of two has a comma.
pub fn format(indexes: &BTreeSet<i32>) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for index in indexes {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => runs.push((*index, *index)),
        }
    }
    let text = runs.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    text.collect::<Vec<_>>().join(",")
}

/// The completion index of a Pod.
pub fn of(pod: &Pod) -> Option<i32> {
    pod.annotation(INDEX).or_else(|| pod.label(INDEX))?.parse().ok().filter(|index| *index >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // pkg/controller/job/indexed_job_utils_test.go TestCalculateSucceededIndexes.
    #[test]
    fn sets_are_written_as_runs() {
        let cases = ["", "3", "0,1", "0,2,3", "0-2,4", "1,3-5,7"];
        for text in cases {
            assert_eq!(format(&parse(text, 10)), text);
        }
        assert_eq!(format(&parse("0-2,4", 4)), "0-2");
        assert_eq!(format(&parse("2-9", 3)), "2");
    }
}
