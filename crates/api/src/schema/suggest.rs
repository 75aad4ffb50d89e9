//! Did you mean: the known field nearest to an unknown one.

use super::table::Type;

/// The field of this type that is probably meant.
pub(super) fn suggest(object_type: &Type, unknown: &str) -> Option<&'static str> {
    nearest(object_type.fields.iter().map(|field| field.name), unknown)
}

/// The name that is probably meant: the same but for case, or at most a third of its letters off (three at most).
pub(crate) fn nearest<'n>(names: impl Iterator<Item = &'n str>, unknown: &str) -> Option<&'n str> {
    let unknown = unknown.to_ascii_lowercase();
    let allowed = (unknown.chars().count() / 3).clamp(1, 3);
    let candidates = names.map(|name| (distance(&unknown, &name.to_ascii_lowercase()), name));
    candidates.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
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
