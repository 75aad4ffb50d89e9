//! Upstream's negotiation (apiserver pkg/endpoints/handlers/negotiation and goautoneg) as a table.

use http::HeaderMap;

use super::*;

const OBJECTS: Endpoint = Endpoint { transforms: true, protobuf: true, stream: false };
const CUSTOM: Endpoint = Endpoint { protobuf: false, ..OBJECTS };
const WATCH: Endpoint = Endpoint { stream: true, ..OBJECTS };

fn negotiated(endpoint: Endpoint, accept: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, accept.parse().unwrap());
    match format(&headers, &Query::default(), endpoint) {
        Ok(format) => format!("{:?} {:?} {}", format.encoding, format.transform, format.meta_version),
        Err(status) => format!("{} {}", status.code, status.message),
    }
}

#[test]
fn the_preferred_clause_that_can_be_served_is_chosen() {
    let protobuf = "application/vnd.kubernetes.protobuf";
    let table = "as=Table;v=v1;g=meta.k8s.io";
    let cases: &[(Endpoint, String, &str)] = &[
        (OBJECTS, String::new(), "Json Whole v1"),
        (OBJECTS, "*/*".into(), "Json Whole v1"),
        (OBJECTS, "*".into(), "Json Whole v1"),
        (OBJECTS, "application/*".into(), "Json Whole v1"),
        (OBJECTS, "application/yaml".into(), "Yaml Whole v1"),
        (OBJECTS, protobuf.into(), "Protobuf Whole v1"),
        (OBJECTS, format!("{protobuf},application/json"), "Protobuf Whole v1"),
        (OBJECTS, format!("application/json , {protobuf}"), "Json Whole v1"),
        (OBJECTS, format!("{protobuf}, */*"), "Protobuf Whole v1"),
        (OBJECTS, format!("*/*, {protobuf}"), "Protobuf Whole v1"),
        (OBJECTS, format!("application/json;q=0.8,{protobuf};q=0.9"), "Protobuf Whole v1"),
        (OBJECTS, format!("application/json;q=0.5,{protobuf};q=oops,application/yaml;q=0.6"), "Yaml Whole v1"),
        (OBJECTS, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8".into(), "Json Whole v1"),
        // Rows have no protobuf: the next clause counts.
        (OBJECTS, format!("{protobuf};{table}"), "406"),
        (OBJECTS, format!("{protobuf};{table},application/json;{table},application/json"), "Json Table v1"),
        (OBJECTS, format!("application/yaml;{table}"), "Yaml Table v1"),
        (OBJECTS, format!("*/*;{table}"), "Json Table v1"),
        (OBJECTS, "application/json;as=Table;v=v1beta1;g=meta.k8s.io".into(), "Json Table v1beta1"),
        (OBJECTS, format!("{protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io"), "Protobuf Partial v1"),
        (OBJECTS, format!("{protobuf};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"), "Protobuf Partial v1"),
        (OBJECTS, "application/json;as=Table;v=v2;g=meta.k8s.io".into(), "406"),
        (OBJECTS, "application/json;as=Chart;v=v1;g=meta.k8s.io".into(), "406"),
        (OBJECTS, "application/json;v=v1".into(), "406"),
        (OBJECTS, "application/json;unknown=parameter;also".into(), "Json Whole v1"),
        (OBJECTS, "application/json;stream=watch".into(), "Json Whole v1"),
        (OBJECTS, "application/json;stream=tail".into(), "406"),
        (OBJECTS, "application/yaml;stream=watch".into(), "406"),
        (OBJECTS, "text/plain".into(), "406"),
        (OBJECTS, "application/json/extra".into(), "406"),
        (Endpoint::PLAIN, format!("application/json;{table}"), "406"),
        (Endpoint::PLAIN, format!("application/json;{table},{protobuf}"), "Protobuf Whole v1"),
        (CUSTOM, protobuf.into(), "406"),
        (CUSTOM, format!("{protobuf},application/json"), "Json Whole v1"),
        (CUSTOM, format!("{protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io"), "Protobuf Partial v1"),
        (WATCH, format!("{protobuf};stream=watch"), "Protobuf Whole v1"),
        (WATCH, protobuf.into(), "Protobuf Whole v1"),
        (WATCH, "application/yaml".into(), "406"),
        (WATCH, format!("{protobuf};{table}, application/json;{table}"), "Json Table v1"),
    ];
    for (endpoint, accept, expected) in cases {
        let found = negotiated(*endpoint, accept);
        assert!(found.starts_with(expected), "{accept}: {found}, not {expected}");
    }
}

#[test]
fn a_refusal_names_what_is_there() {
    let all = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let streams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
    let cases = [(OBJECTS, all), (CUSTOM, "application/json, application/yaml"), (WATCH, streams)];
    for (endpoint, list) in cases {
        let expected = format!("406 only the following media types are accepted: {list}");
        assert_eq!(negotiated(endpoint, "text/plain"), expected);
    }
}

#[test]
fn every_built_in_kind_has_protobuf() {
    for kind in api::kinds::ALL {
        assert!(
            Endpoint::objects(kind).protobuf && api::protobuf::is_known(&kind.api_version(), kind.kind),
            "{}",
            kind.kind
        );
    }
}
