//! Who asks, told to an extension server in headers that it believes because of the front proxy's certificate. Pure.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::identity::Identity;
use crate::status::Status;

const USER: HeaderName = HeaderName::from_static("x-remote-user");
const UID: HeaderName = HeaderName::from_static("x-remote-uid");
const GROUP: HeaderName = HeaderName::from_static("x-remote-group");
const EXTRA: &str = "x-remote-extra-";

/// Sets the identity's headers; what the client sent under these names is dropped.
pub(super) fn speak_for(headers: &mut HeaderMap, identity: &Identity) -> Result<(), Status> {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(EXTRA)).cloned().collect();
    for name in forged.iter().chain([&USER, &UID, &GROUP]) {
        headers.remove(name);
    }
    headers.insert(USER, value(&identity.name)?);
    if !identity.uid.is_empty() {
        headers.insert(UID, value(&identity.uid)?);
    }
    for group in &identity.groups {
        headers.append(GROUP, value(group)?);
    }
    for (key, values) in &identity.extra {
        let name = HeaderName::try_from(format!("{EXTRA}{}", escape(key))).map_err(Status::internal)?;
        for text in values {
            headers.append(&name, value(text)?);
        }
    }
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Status> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(Status::internal)
}

/// What is no token of HTTP, and `%` itself, is percent-encoded.
fn escape(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            write!(escaped, "%{byte:02X}").unwrap_or_default();
        }
    }
    escaped
}
