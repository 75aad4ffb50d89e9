//! The sorted list of the kinds served. A new kind is its own file and a line here.

use crate::kind::Kind;

/// Every built-in kind, sorted by group, version and plural.
pub static ALL: &[&Kind] = &[
    &crate::core::v1::binding::KIND,
    &crate::core::v1::component_status::KIND,
    &crate::core::v1::config_map::KIND,
    &crate::core::v1::endpoints::KIND,
    &crate::core::v1::event::KIND,
    &crate::core::v1::limit_range::KIND,
    &crate::core::v1::namespace::KIND,
    &crate::core::v1::node::KIND,
    &crate::core::v1::persistent_volume_claim::KIND,
    &crate::core::v1::persistent_volume::KIND,
    &crate::core::v1::pod::KIND,
    &crate::core::v1::pod_template::KIND,
    &crate::core::v1::replication_controller::KIND,
    &crate::core::v1::resource_quota::KIND,
    &crate::core::v1::secret::KIND,
    &crate::core::v1::service_account::KIND,
    &crate::core::v1::service::KIND,
    &crate::admissionregistration::v1::mutating_admission_policy::KIND,
    &crate::admissionregistration::v1::mutating_admission_policy_binding::KIND,
    &crate::admissionregistration::v1::mutating_webhook_configuration::KIND,
    &crate::admissionregistration::v1::validating_admission_policy::KIND,
    &crate::admissionregistration::v1::validating_admission_policy_binding::KIND,
    &crate::admissionregistration::v1::validating_webhook_configuration::KIND,
    &crate::apiextensions::v1::custom_resource_definition::KIND,
    &crate::apiregistration::v1::api_service::KIND,
    &crate::apps::v1::controller_revision::KIND,
    &crate::apps::v1::daemon_set::KIND,
    &crate::apps::v1::deployment::KIND,
    &crate::apps::v1::replica_set::KIND,
    &crate::apps::v1::stateful_set::KIND,
    &crate::authentication::v1::self_subject_review::KIND,
    &crate::authentication::v1::token_review::KIND,
    &crate::authorization::v1::local_subject_access_review::KIND,
    &crate::authorization::v1::self_subject_access_review::KIND,
    &crate::authorization::v1::self_subject_rules_review::KIND,
    &crate::authorization::v1::subject_access_review::KIND,
    &crate::autoscaling::v1::horizontal_pod_autoscaler::KIND,
    &crate::autoscaling::v2::horizontal_pod_autoscaler::KIND,
    &crate::batch::v1::cron_job::KIND,
    &crate::batch::v1::job::KIND,
    &crate::certificates::v1::certificate_signing_request::KIND,
    &crate::certificates::v1::cluster_trust_bundle::KIND,
    &crate::certificates::v1::pod_certificate_request::KIND,
    &crate::coordination::v1::lease::KIND,
    &crate::discovery::v1::endpoint_slice::KIND,
    &crate::events::v1::event::KIND,
    &crate::flowcontrol::v1::flow_schema::KIND,
    &crate::flowcontrol::v1::priority_level_configuration::KIND,
    &crate::networking::v1::ingress_class::KIND,
    &crate::networking::v1::ingress::KIND,
    &crate::networking::v1::ip_address::KIND,
    &crate::networking::v1::network_policy::KIND,
    &crate::networking::v1::service_cidr::KIND,
    &crate::node::v1::runtime_class::KIND,
    &crate::policy::v1::pod_disruption_budget::KIND,
    &crate::rbac::v1::cluster_role_binding::KIND,
    &crate::rbac::v1::cluster_role::KIND,
    &crate::rbac::v1::role_binding::KIND,
    &crate::rbac::v1::role::KIND,
    &crate::resource::v1::device_class::KIND,
    &crate::resource::v1::device_taint_rule::KIND,
    &crate::resource::v1::resource_claim::KIND,
    &crate::resource::v1::resource_claim_template::KIND,
    &crate::resource::v1::resource_slice::KIND,
    &crate::scheduling::v1::priority_class::KIND,
    &crate::storage::v1::csi_driver::KIND,
    &crate::storage::v1::csi_node::KIND,
    &crate::storage::v1::csi_storage_capacity::KIND,
    &crate::storage::v1::storage_class::KIND,
    &crate::storage::v1::volume_attachment::KIND,
    &crate::storage::v1::volume_attributes_class::KIND,
    &crate::storagemigration::v1::storage_version_migration::KIND,
];

/// The row of a resource, by the words of its path.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    let at =
        ALL.binary_search_by(|kind| (kind.group, kind.version, kind.plural).cmp(&(group, version, plural))).ok()?;
    Some(ALL[at])
}

/// The row of a kind, by an object's apiVersion and kind.
pub fn by_kind(group: &str, version: &str, kind: &str) -> Option<&'static Kind> {
    let start = ALL.partition_point(|row| (row.group, row.version) < (group, version));
    ALL[start..]
        .iter()
        .take_while(|row| (row.group, row.version) == (group, version))
        .find(|row| row.kind == kind)
        .copied()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod cases;

#[cfg(test)]
mod versions;
