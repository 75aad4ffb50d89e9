//! CronJob: Jobs on a schedule.

use super::job::validate;
use super::{job, schedule};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::printer::{self, NONE, since, text_or};
use crate::strategy::{dns_label_warning, drop_status};
use crate::tree::{at, at_mut, default as fill, flag, items, text};
use crate::{core::v1::pod::defaults, names};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "batch",
    version: "v1",
    kind: "CronJob",
    plural: "cronjobs",
    singular: "cronjob",
    short_names: &["cj"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "cronjobs",
    storage_version: None,
    subresources: &[Subresource::status("batch", "v1", "CronJob")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        validate,
        validate_create,
        validate_update,

        default,
        prepare_create: drop_status,
        warnings: |job| dns_label_warning(job, "Job names, Pod names and hostnames"),
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Schedule", "The schedule in Cron format.", |job, _| text(job, "spec.schedule").into()),
    Column::string("Timezone", "The time zone name for the given schedule.", |job, _| {
        text_or(job, "spec.timeZone", NONE)
    }),
    Column::boolean("Suspend", "Tells the controller to suspend subsequent executions.", |job, _| {
        if flag(job, "spec.suspend") { "True" } else { "False" }.into()
    }),
    Column::integer("Active", "How many jobs are running now.", |job, _| items(job, "status.active").len().into()),
    Column::string("Last Schedule", "When the job was last scheduled.", |job, context| {
        match text(job, "status.lastScheduleTime") {
            "" => NONE.into(),
            _ => since(job, "status.lastScheduleTime", context).into(),
        }
    }),
    Column::string("Containers", "Names of each container in the template.", |object, _| {
        printer::container_names(object, "spec.jobTemplate.spec.template.spec")
    })
    .wide(),
    Column::string("Images", "Images referenced by each container in the template.", |object, _| {
        printer::container_images(object, "spec.jobTemplate.spec.template.spec")
    })
    .wide(),
    Column::string("Selector", "Which pods belong to it.", |object, _| {
        printer::selector(object, "spec.jobTemplate.spec.selector")
    })
    .wide(),
];

fn default(cron_job: &mut Value) {
    if let Some(spec) = at_mut(cron_job, "spec") {
        fill(spec, "concurrencyPolicy", "Allow");
        fill(spec, "suspend", false);
        fill(spec, "successfulJobsHistoryLimit", 3);
        fill(spec, "failedJobsHistoryLimit", 1);
        if let Some(spec) = at_mut(spec, "jobTemplate.spec") {
            job::default_failure_policy(spec);
        }
    }
    defaults::template(cron_job, "spec.jobTemplate.spec.template");
}

/// A Job's name is the CronJob's and eleven characters.
const NAME_MAX: usize = names::LABEL_MAX - 11;

fn validate(cron_job: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(cron_job, |cron_job| {
        let spec = cron_job.get("spec");
        let schedule = spec.get("schedule");
        match schedule.text() {
            "" => schedule.required(""),
            text => {
                if let Err(why) = schedule::check(text) {
                    schedule.invalid(&why);
                }
            }
        }
        spec.get("startingDeadlineSeconds").not_negative();
        spec.get("concurrencyPolicy").require_one_of(&["Allow", "Forbid", "Replace"]);
        let template = spec.get("jobTemplate");
        let job = template.get("spec");
        validate::job_spec(&job);
        if job.get("selector").is_set() {
            job.get("selector").invalid("`selector` will be auto-generated");
        }
        if job.get("manualSelector").flag() {
            job.get("manualSelector").not_supported(&["nil", "false"]);
        }
        spec.get("successfulJobsHistoryLimit").not_negative();
        spec.get("failedJobsHistoryLimit").not_negative();
    })
}

fn validate_create(cron_job: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(cron_job, |cron_job| {
        zones(cron_job, &Value::Null);
        let metadata = cron_job.get("metadata");
        let name = metadata.get("name");
        if name.text().len() > NAME_MAX {
            name.invalid(&format!("must be no more than {NAME_MAX} characters"));
        }
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |cron_job| zones(cron_job, old))
}

/// A time zone stands in its field; in the schedule only where it already did.
fn zones(cron_job: &Field, old: &Value) {
    let spec = cron_job.get("spec");
    let (schedule, zone) = (spec.get("schedule"), spec.get("timeZone"));
    let allowed = text(old, "spec.schedule").contains("TZ");
    if schedule.text().contains("TZ") {
        if !allowed {
            schedule.invalid("cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
        } else if zone.is_set() {
            schedule.invalid("cannot use both timeZone field and TZ or CRON_TZ in schedule");
        }
    }
    if zone.is_set() && zone.value != at(old, "spec.timeZone") {
        time_zone(&zone);
    }
}

fn time_zone(zone: &Field) {
    let good = |letter: u8| letter.is_ascii_alphanumeric() || b"._+-".contains(&letter);
    let bad_part = |part: &str| {
        matches!(part, "" | "." | "..") || part.starts_with('-') || part.len() > 14 || !part.bytes().all(good)
    };
    let name = zone.text();
    if name.is_empty() {
        zone.invalid("timeZone must be nil or non-empty string");
    } else if name.split('/').any(bad_part) {
        zone.invalid(&format!("unknown time zone {name}"));
    } else if name.eq_ignore_ascii_case("local") {
        zone.invalid("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    } else if !jiff::tz::db().is_definitively_empty() && jiff::tz::db().get(name).is_err() {
        zone.invalid(&format!("unknown time zone {name}"));
    }
}
