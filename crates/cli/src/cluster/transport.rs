//! What goes with every request and comes with every answer: whom to act as, and the server's warnings.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use kube::client::Body;

use crate::warnln;

/// A client that adds `headers` to its requests, waits for answers no longer than `limit` (zero: for ever) and tells each warning once.
pub fn wrap(inner: kube::Client, headers: Vec<(HeaderName, HeaderValue)>, limit: Duration) -> kube::Client {
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let service = tower::service_fn(move |mut request: Request<Body>| {
        for (name, value) in &headers {
            request.headers_mut().append(name.clone(), value.clone());
        }
        let (inner, told) = (inner.clone(), told.clone());
        async move {
            let call = inner.send(request);
            let answered = if limit.is_zero() { Ok(call.await) } else { tokio::time::timeout(limit, call).await };
            let late = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)";
            let response: Response<Body> = answered.unwrap_or_else(|_| Err(kube::Error::Service(late.into())))?;
            for warning in warnings(response.headers()) {
                if told.lock().is_ok_and(|mut told| told.insert(warning.clone())) {
                    warnln!("Warning: {warning}");
                }
            }
            Ok::<_, kube::Error>(response)
        }
    });
    kube::Client::new(service, "default")
}

/// The texts of `Warning: 299 - "text"`.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::WARNING).iter().filter_map(|value| value.to_str().ok());
    let quoted = values.filter_map(|value| value.strip_prefix("299 ")?.split_once('"'));
    let text = quoted.map(|(_, rest)| {
        let (mut text, mut letters) = (String::new(), rest.chars());
        while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
            text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
        }
        text
    });
    text.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7234, section 5.5: code, agent, quoted text.
    #[test]
    fn warnings_are_quoted() {
        let mut headers = HeaderMap::new();
        headers.append(header::WARNING, HeaderValue::from_static(r#"299 - "unknown field \"spec.x\"""#));
        headers.append(header::WARNING, HeaderValue::from_static(r#"110 - "stale""#));
        assert_eq!(warnings(&headers), [r#"unknown field "spec.x""#]);
    }
}
