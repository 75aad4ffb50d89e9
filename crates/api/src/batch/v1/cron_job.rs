//! CronJob: Jobs on a schedule.

use super::job;
use crate::core::v1::pod::defaults;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::{self, NONE, since, text_or};
use crate::strategy::{dns_label_warning, drop_status};
use crate::tree::{at_mut, default as fill, flag, items, text};
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
