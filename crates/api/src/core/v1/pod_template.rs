//! PodTemplate: a stored template of a Pod.

use crate::{core::v1::pod::defaults, field};
use serde_json::Value;

use crate::core::v1::pod::validate;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::printer;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "PodTemplate",
    plural: "podtemplates",
    singular: "podtemplate",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "podtemplates",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string("Containers", "Names of each container in the template.", |object, _| {
            printer::container_names(object, "template.spec")
        }),
        Column::string("Images", "Images referenced by each container in the template.", |object, _| {
            printer::container_images(object, "template.spec")
        }),
        Column::string("Pod Labels", "The labels for the pod template.", |object, _| {
            printer::labels(object, "template.metadata.labels")
        }),
    ],
    service: "",
    hooks: Hooks {
        validate,

        age_column: false,
        default: |template| defaults::template(template, "template"),
        has_generation: true,
        ..Hooks::NONE
    },
};

fn validate(template: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(template, |object| validate::template(&object.get("template")))
}
