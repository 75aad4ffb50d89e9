//! The search path answered in the first query (an option): a Pod's resolver asks `www.example.com.NAMESPACE.svc.DOMAIN` before
//! `www.example.com`; we go down the path for it and answer with an alias to the name that exists. Pure.

use std::net::IpAddr;

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::answer::{Answer, TTL, Zone, answer};
use super::records::Records;

/// Answers the first query of a search by the Pod at `client`; none for every other query.
pub fn search(records: &Records, zone: &Zone, query: &Query, client: IpAddr) -> Option<Answer> {
    if !matches!(query.query_type(), RecordType::A | RecordType::AAAA) {
        return None;
    }
    let namespace = records.namespace_of(&client)?;
    let rest = stripped(query.name(), &zone.below(&format!("{namespace}.svc"))?)?;
    let missing = |answer: &Answer| matches!(answer, Answer::Records { code: ResponseCode::NXDomain, .. });
    if !missing(&answer(records, zone, query)) {
        return None;
    }
    for suffix in [zone.below("svc")?, zone.domain.clone()] {
        let Ok(name) = rest.clone().append_domain(&suffix) else { continue };
        let found = answer(records, zone, &Query::query(name.clone(), query.query_type()));
        if let Answer::Records { code: ResponseCode::NoError, mut answers, authorities, additionals } = found {
            answers.insert(0, alias(query.name(), name));
            return Some(Answer::Records { code: ResponseCode::NoError, answers, authorities, additionals });
        }
    }
    let mut target = rest;
    target.set_fqdn(true);
    Some(Answer::Search { alias: Box::new(alias(query.name(), target.clone())), target })
}

fn alias(from: &Name, to: Name) -> Record {
    Record::from_rdata(from.clone(), TTL, RData::CNAME(CNAME(to)))
}

/// `name` without the closing `suffix`, where something is left.
fn stripped(name: &Name, suffix: &Name) -> Option<Name> {
    let count = usize::from(name.num_labels().checked_sub(suffix.num_labels())?);
    if count == 0 || !suffix.zone_of(name) {
        return None;
    }
    Name::from_labels(name.iter().take(count)).ok()
}
