//! cleaner_test.go TestCleanerWithApprovedExpiredCSR, row by row, and when each one is looked at again.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::world::World;

fn certificate(end: (i32, u8, u8)) -> Value {
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2017, 1, 1);
    params.not_after = rcgen::date_time_ymd(end.0, end.1, end.2);
    let pem = params.self_signed(&rcgen::KeyPair::generate().expect("a key")).expect("a certificate").pem();
    serde_json::to_value(k8s_openapi::ByteString(pem.into_bytes())).expect("bytes print")
}

#[test]
fn requests_of_no_more_use_go() {
    let (good, expired, garbage) = (certificate((2117, 9, 10)), certificate((2017, 10, 3)), json!("Z2FyYmFnZQ=="));
    let rows = [
        ("approved, young", 1, Some(&good), vec![("Approved", 50)], "requeue after 600s\n"),
        ("approved, not issued", 1, None, vec![("Approved", 120)], ""),
        ("approved, old", 1, Some(&good), vec![("Approved", 120)], "delete CertificateSigningRequest r\n"),
        ("denied, young", 1, None, vec![("Denied", 50)], "requeue after 600s\n"),
        ("denied, old", 1, None, vec![("Denied", 120)], "delete CertificateSigningRequest r\n"),
        ("failed, young", 1, None, vec![("Approved", 120), ("Failed", 50)], "requeue after 600s\n"),
        ("failed, old", 1, None, vec![("Approved", 120), ("Failed", 120)], "delete CertificateSigningRequest r\n"),
        ("pending, young", 5 * 60, None, vec![], "requeue after 68400s\n"),
        ("pending, old", 25 * 60, None, vec![], "delete CertificateSigningRequest r\n"),
        ("expired", 1, Some(&expired), vec![("Approved", 50)], "delete CertificateSigningRequest r\n"),
        ("unreadable, old", 1, Some(&garbage), vec![("Approved", 120)], "delete CertificateSigningRequest r\n"),
        ("unreadable, young", 1, Some(&garbage), vec![("Approved", 50)], "requeue after 600s\n"),
    ];
    let now: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
    let ago = |minutes: i64| (now - SignedDuration::from_mins(minutes)).to_string();
    for (name, age, certificate, conditions, expected) in rows {
        let condition = |(kind, age): (&str, i64)| json!({"type": kind, "status": "True", "lastUpdateTime": ago(age)});
        let conditions: Vec<Value> = conditions.into_iter().map(condition).collect();
        let mut world = World::new(now);
        let mut status = json!({"conditions": conditions});
        if let Some(certificate) = certificate {
            status["certificate"] = certificate.clone();
        }
        let spec = json!({"request": "", "signerName": "example.com/s"});
        let metadata = json!({"creationTimestamp": ago(age)});
        let kind = "CertificateSigningRequest";
        world.add(json!({"kind": kind, "name": "r", "metadata": metadata, "spec": spec, "status": status}));
        assert_eq!(plan(&world.lister(), &ObjectKey::cluster("r"), now).to_string(), expected, "{name}");
    }
}
