//! Why a container did not start, as a person reads it in `kubectl describe`: the outermost step and the innermost cause.

use super::trace::Causes;

/// libcontainer appends what its own clearing away met. The supervisor clears away after it, again and again until the group is gone,
/// so a group that was still busy then is no reason for anything.
const OF_CLEANUP: &str = ". error during cleanup: ";

/// The reason for an error of libcontainer, of which it may have logged more than it tells.
pub fn explain(error: &dyn std::error::Error, causes: &mut Causes) -> String {
    let text = chain(error);
    // What our own payload says of the program is all that a person needs.
    if let Some(position) = text.find("exec: \"") {
        return unable_to_start(text[position..].trim_end_matches('"'));
    }
    match causes.first() {
        Some(cause) if !text.contains(&cause) => unable_to_start(&format!("{text}: {cause}")),
        _ => unable_to_start(&text),
    }
}

pub fn unable_to_start(reason: &str) -> String {
    format!("unable to start container process: {reason}")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        texts.push(text.split(OF_CLEANUP).next().unwrap_or_default().to_owned());
        next = error.source();
    }
    texts.dedup();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    /// The texts are libcontainer's (its error.rs: CreateContainerError).
    #[test]
    fn what_clearing_away_met_is_no_reason() {
        let cause = || std::io::Error::other("too many open files");
        for (text, expected) in [
            ("failed to create container", "failed to create container: too many open files"),
            (
                "failed to create container: io error. error during cleanup: failed to cleanup container: could not delete",
                "failed to create container: io error: too many open files",
            ),
        ] {
            assert_eq!(chain(&Outer(text, cause())), expected);
        }
    }
}
