//! Did you mean: the known name nearest to an unknown one.

use super::table::Type;

/// The field of this type that is probably meant.
pub(super) fn suggest(object_type: &Type, unknown: &str) -> Option<&'static str> {
    nearest(object_type.fields.iter().map(|field| field.name), unknown)
}

/// The name that is probably meant.
pub fn nearest<'n>(names: impl Iterator<Item = &'n str>, unknown: &str) -> Option<&'n str> {
    let candidates = names.filter_map(|name| Some((nearness(name, unknown)?, name)));
    candidates.min().map(|(_, name)| name)
}

/// A kind or resource, with where it is served.
pub type Named<'n> = (&'n str, &'n str, &'n str);

/// The group, version and name that are probably meant: the name counts first, then the group, then the version, then what is newest.
pub fn nearest_kind<'n>(
    known: impl Iterator<Item = Named<'n>>,
    (group, version, name): Named<'_>,
) -> Option<Named<'n>> {
    let candidates = known.filter_map(|meant| {
        let rank = (nearness(meant.2, name)?, meant.0 != group, meant.1 != version, age(meant.1));
        Some((rank, meant))
    });
    candidates.min().map(|(_, meant)| meant)
}

/// v2 before v1 before v1beta2 before v1alpha1.
fn age(version: &str) -> (u8, std::cmp::Reverse<u32>) {
    let stage = if version.contains("alpha") {
        2
    } else if version.contains("beta") {
        1
    } else {
        0
    };
    let digits = version.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    (stage, std::cmp::Reverse(digits.parse().unwrap_or(0)))
}

/// How many letters are off, if at most a third of them are (three at most); case does not count.
fn nearness(name: &str, unknown: &str) -> Option<usize> {
    let allowed = (unknown.chars().count() / 3).clamp(1, 3);
    let distance = distance(&unknown.to_ascii_lowercase(), &name.to_ascii_lowercase());
    Some(distance).filter(|distance| *distance <= allowed)
}

/// Edits (insert, delete, replace, swap neighbours) between two words.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(80).collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let replaced = last[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}
