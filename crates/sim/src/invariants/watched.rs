//! A watch shows every write after its start, once, in order, and nothing that a crash has taken back.

use store::Record;

use crate::witness::Segment;

pub(crate) fn watched(segments: &[Segment], book: &[Record]) -> Vec<String> {
    segments.iter().filter_map(|segment| differs(segment, book)).collect()
}

fn differs(segment: &Segment, book: &[Record]) -> Option<String> {
    let within = |record: &&Record| {
        record.key.starts_with("/registry/pods/")
            && record.revision > segment.from
            && record.revision <= segment.position
    };
    let name = |record: &Record| record.key.rsplit('/').next().unwrap_or_default().to_owned();
    let written = book.iter().filter(within).map(|record| (record.revision, name(record), record.value.is_none()));
    let written: Vec<_> = written.collect();
    if written == segment.events {
        return None;
    }
    let at = written.iter().zip(&segment.events).take_while(|(a, b)| a == b).count();
    Some(format!(
        "a watch of Pods from {} to {} differs from what was written at its event {at}: written {:?}, seen {:?}",
        segment.from,
        segment.position,
        written.get(at),
        segment.events.get(at)
    ))
}
