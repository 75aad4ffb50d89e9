//! Checks of metav1.LabelSelectors inside objects (apimachinery pkg/apis/meta/v1/validation).

use crate::field::Field;
use crate::names;

/// Keys, values and operators of a selector; a missing one is fine.
pub(crate) fn label_selector(selector: &Field) {
    let labels = selector.get("matchLabels");
    for error in labels.map().map(|map| names::label_errors(map, &labels.place())).unwrap_or_default() {
        labels.report(error);
    }
    for expression in selector.get("matchExpressions").items() {
        let (key, operator, values) = (expression.get("key"), expression.get("operator"), expression.get("values"));
        match operator.text() {
            "In" | "NotIn" if values.len() == 0 => {
                values.required("must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if values.len() > 0 => {
                values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => operator.invalid("not a valid selector operator"),
        }
        key.invalid_all(names::qualified_name(key.text()));
        values.items().for_each(|value| value.invalid_all(names::label_value(value.text())));
    }
}
