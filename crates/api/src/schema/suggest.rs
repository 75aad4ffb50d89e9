//! Did you mean: the known name nearest to an unknown one.

use super::table::Type;

/// The field of this type that is probably meant.
pub(super) fn suggest(object_type: &Type, unknown: &str) -> Option<&'static str> {
    nearest(object_type.fields.iter().map(|field| field.name), unknown)
}

/// The name that is probably meant.
pub fn nearest<'n>(names: impl Iterator<Item = &'n str>, unknown: &str) -> Option<&'n str> {
    let unknown = Unknown::new(unknown)?;
    let candidates = names.filter_map(|name| Some((unknown.nearness(name)?, name)));
    candidates.min().map(|(_, name)| name)
}

/// A kind or resource, with where it is served.
pub type Named<'n> = (&'n str, &'n str, &'n str);

/// The group, version and name that are probably meant: the name counts first, then the group, then the version, then what is newest.
pub fn nearest_kind<'n>(
    known: impl Iterator<Item = Named<'n>>,
    (group, version, name): Named<'_>,
) -> Option<Named<'n>> {
    let unknown = Unknown::new(name)?;
    let candidates = known.filter_map(|meant| {
        let rank = (unknown.nearness(meant.2)?, meant.0 != group, meant.1 != version, age(meant.1));
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

/// Longer names are near to none: those of Kubernetes have 63 letters at most.
const LETTERS_MAX: usize = 64;

/// A name that nobody knows, made ready once for all it is compared with; case does not count.
struct Unknown {
    letters: Vec<char>,
    /// A third of its letters may be off, three at most.
    allowed: usize,
}

impl Unknown {
    /// `None`: it is too long to be looked at.
    fn new(name: &str) -> Option<Self> {
        let letters: Vec<char> = lowered(name).take(LETTERS_MAX + 1).collect();
        let allowed = (letters.len() / 3).clamp(1, 3);
        Some(Self { letters, allowed }).filter(|unknown| unknown.letters.len() <= LETTERS_MAX)
    }

    /// How many letters are off, if that is near enough.
    fn nearness(&self, name: &str) -> Option<usize> {
        let name: Vec<char> = lowered(name).take(self.letters.len() + self.allowed + 1).collect();
        if name.len().abs_diff(self.letters.len()) > self.allowed {
            return None;
        }
        distance(&self.letters, &name, self.allowed)
    }
}

fn lowered(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|letter| letter.to_ascii_lowercase())
}

/// Edits (insert, delete, replace, swap neighbours) between two words; `None`: more than `most`.
fn distance(left: &[char], right: &[char], most: usize) -> Option<usize> {
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
        // What comes is made of the last two rows, and never less than the least of them.
        if row.iter().chain(&last).all(|edits| *edits > most) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    Some(last[right.len()]).filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_meant() {
        let names = ["replicas", "template", "selector", "minReadySeconds", "ab"];
        let meant = |unknown: &str| nearest(names.into_iter(), unknown);
        let cases = [
            ("replcas", Some("replicas")),
            ("REPLICAS", Some("replicas")),
            ("erplicas", Some("replicas")),
            ("tmeplates", Some("template")),
            ("minReadySecs", Some("minReadySeconds")),
            ("minReady", None),
            ("sel", None),
            ("ba", Some("ab")),
            ("b", Some("ab")),
            ("xy", None),
            ("", None),
        ];
        for (unknown, wanted) in cases {
            assert_eq!(meant(unknown), wanted, "{unknown}");
        }
    }

    /// A name as long as a body may be is not looked at, however many there are to compare it with.
    #[test]
    fn long_names_are_near_to_none() {
        let long = "a".repeat(3 << 20);
        let all: Vec<String> = (0..100_000).map(|number| format!("a{number}")).collect();
        assert_eq!(nearest(all.iter().map(String::as_str), &long), None);
        assert_eq!(nearest([long.as_str()].into_iter(), "aaaaaaaa"), None);
        let most = "a".repeat(LETTERS_MAX);
        assert_eq!(nearest([most.as_str()].into_iter(), &most[1..]), Some(most.as_str()));
    }
}
