//! Validation of PriorityLevelConfigurations (pkg/apis/flowcontrol/validation): type and numbers.

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::meta;

const QUEUES_MAX: i64 = 10_000_000;
/// The hash that chooses queues has this many bits.
const HASH_BITS: u32 = 60;

pub(super) fn level(level: &Value, _: &WriteContext) -> Vec<FieldError> {
    let exempt = meta::name(level) == "exempt";
    field::validate(level, |level| {
        let spec = level.get("spec");
        let (kind, limited, free) = (spec.get("type"), spec.get("limited"), spec.get("exempt"));
        if exempt != (kind.text() == "Exempt") {
            kind.invalid("must be 'Exempt' if and only if `name` is 'exempt'");
        }
        match kind.text() {
            "Exempt" => {
                if limited.is_set() {
                    limited.forbidden("");
                }
                shares(&free);
            }
            "Limited" => {
                if free.is_set() {
                    free.forbidden("");
                }
                if limited.is_set() { self::limited(&limited) } else { limited.required("") }
            }
            _ => kind.require_one_of(&["Exempt", "Limited"]),
        }
    })
}

fn shares(part: &Field) {
    let (shares, lent) = (part.get("nominalConcurrencyShares"), part.get("lendablePercent"));
    if shares.int().is_some_and(|shares| shares < 0) {
        shares.invalid("must be a non-negative integer");
    }
    if lent.int().is_some_and(|percent| !(0..=100).contains(&percent)) {
        lent.invalid("must be between 0 and 100, inclusive");
    }
}

fn limited(limited: &Field) {
    shares(limited);
    let borrowed = limited.get("borrowingLimitPercent");
    if borrowed.int().is_some_and(|percent| percent < 0) {
        borrowed.invalid("if specified, must be a non-negative integer");
    }
    let response = limited.get("limitResponse");
    let (kind, queuing) = (response.get("type"), response.get("queuing"));
    match kind.text() {
        "Reject" if queuing.is_set() => queuing.forbidden(""),
        "Queue" if !queuing.is_set() => queuing.required(""),
        "Queue" => self::queuing(&queuing),
        _ => kind.require_one_of(&["Queue", "Reject"]),
    }
}

fn queuing(queuing: &Field) {
    let (queues, hand, length) = (queuing.get("queues"), queuing.get("handSize"), queuing.get("queueLengthLimit"));
    for number in [&queues, &hand, &length] {
        if number.int().unwrap_or_default() <= 0 {
            number.invalid("must be positive");
        }
    }
    let (deck, size) = (queues.int().unwrap_or_default(), hand.int().unwrap_or_default());
    if deck > QUEUES_MAX {
        queues.invalid(&format!("must not be greater than {QUEUES_MAX}"));
    }
    if size > 0 && size > deck {
        hand.invalid(&format!("should not be greater than queues ({deck})"));
    } else if size > 0 && ((deck as f64).log2() * size as f64).ceil() > f64::from(HASH_BITS) {
        hand.invalid(&format!(
            "required entropy bits of deckSize {deck} and handSize {size} should not be greater than {HASH_BITS}"
        ));
    }
}
