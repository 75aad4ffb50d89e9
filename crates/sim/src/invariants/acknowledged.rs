//! Every write that a user was told of is in the book, at the revision the answer named.

use std::collections::BTreeMap;

use store::Record;

use crate::user::Acknowledged;

pub(crate) fn acknowledged(told: &[Acknowledged], book: &[Record]) -> Vec<String> {
    let by_revision: BTreeMap<u64, &Record> = book.iter().map(|record| (record.revision, record)).collect();
    let is_kept = |told: &Acknowledged| {
        let end = if told.key.namespace.is_empty() {
            format!("/{}", told.key.name)
        } else {
            format!("/{}/{}", told.key.namespace, told.key.name)
        };
        by_revision.get(&told.revision).is_some_and(|record| record.key.ends_with(&end))
    };
    let lost = told.iter().filter(|told| !is_kept(told));
    lost.map(|told| format!("the acknowledged write of {} {} at {} is lost", told.plural, told.key, told.revision))
        .collect()
}
