//! The names of a definition: DNS labels, whatever the case of kinds.

use crate::field::Field;
use crate::names::dns1035_label;

/// What `spec.names` has to have.
pub(super) fn required(names: &Field) {
    for name in ["plural", "singular", "kind", "listKind"] {
        if names.get(name).text().is_empty() {
            names.get(name).required("");
        }
    }
}

pub(super) fn names(names: &Field) {
    for name in ["plural", "singular"] {
        label(&names.get(name), false);
    }
    for name in ["kind", "listKind"] {
        label(&names.get(name), true);
    }
    names.get("shortNames").items().for_each(|name| label(&name, false));
    let list_kind = names.get("listKind");
    if !list_kind.text().is_empty() && names.get("kind").text() == list_kind.text() {
        list_kind.invalid("kind and listKind may not be the same");
    }
    names.get("categories").items().for_each(|name| label(&name, false));
}

fn label(name: &Field, mixed: bool) {
    if name.text().is_empty() {
        return;
    }
    let text = if mixed { name.text().to_lowercase() } else { name.text().to_owned() };
    let wrong = dns1035_label(&text).join(",");
    match (wrong.is_empty(), mixed) {
        (true, _) => {}
        (false, true) => name.invalid(&format!("may have mixed case, but should otherwise match: {wrong}")),
        (false, false) => name.invalid(&wrong),
    }
}
