//! What the clients of a measure ask for: ConfigMaps of 1 KB, created, read, replaced, applied and listed. Pure.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::load::{FIRST, PAYLOAD_BYTES};

/// Namespaces besides `default`: one whose objects are listed and replaced, one that is watched.
pub const KEPT: &str = "bench-kept";
pub const WATCHED: &str = "bench-watched";
/// Objects that are kept, once they have been filled in.
pub const KEPT_OBJECTS: u64 = 10_000;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// Always the same object.
    Get,
    /// Server-side apply that makes an object.
    ApplyNew,
    /// Server-side apply that changes the client's own object; the first makes it.
    Apply,
    /// A new object among those that are kept; the number names it.
    Fill,
    /// Replaces one that is kept.
    Replace,
    /// All that are kept.
    List,
    /// Makes the one object that is watched.
    Announce,
    /// Replaces it.
    Touch,
}

impl Operation {
    /// The method, the path and the body of a client's request with this number.
    pub fn request(self, number: u64, client: usize) -> (Method, String, Bytes) {
        let named = |namespace: &str, name: &str| format!("{}/{name}", collection(namespace));
        let kept = format!("kept-{}", number % KEPT_OBJECTS);
        let (method, path, name) = match self {
            Self::Create => (Method::POST, collection("default"), format!("bench-{number}")),
            Self::Get => return (Method::GET, named("default", &format!("bench-{FIRST}")), Bytes::new()),
            Self::ApplyNew => (Method::PATCH, "default".to_owned(), format!("made-{number}")),
            Self::Apply => (Method::PATCH, "default".to_owned(), format!("applied-{client}")),
            Self::Fill => (Method::POST, collection(KEPT), kept),
            Self::Replace => (Method::PUT, named(KEPT, &kept), kept),
            Self::List => return (Method::GET, collection(KEPT), Bytes::new()),
            Self::Touch => (Method::PUT, named(WATCHED, "seen"), "seen".to_owned()),
            Self::Announce => (Method::POST, collection(WATCHED), "seen".to_owned()),
        };
        let path = if method == Method::PATCH { format!("{}?fieldManager=bench", named(&path, &name)) } else { path };
        (method, path, config_map(&name, number))
    }

    /// Whether its cost is told by the bytes of the answer.
    pub fn is_list(self) -> bool {
        self == Self::List
    }
}

/// The path of a namespace's ConfigMaps.
pub fn collection(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

/// Its content is not the same for any two numbers: a write that changes nothing would not be one.
fn config_map(name: &str, number: u64) -> Bytes {
    let payload = format!("{number:x>PAYLOAD_BYTES$}");
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"payload": payload}});
    Bytes::from(object.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_has_a_payload_of_its_own_and_of_one_size() {
        let body = |number| Operation::Apply.request(number, 3).2;
        assert_ne!(body(1), body(2));
        assert_eq!(body(1).len(), body(123_456).len());
        let (method, path, _) = Operation::Apply.request(7, 3);
        assert_eq!(
            (method, path.as_str()),
            (Method::PATCH, "/api/v1/namespaces/default/configmaps/applied-3?fieldManager=bench")
        );
    }

    #[test]
    fn what_is_replaced_is_what_was_filled_in() {
        let (_, path, _) = Operation::Replace.request(KEPT_OBJECTS + 4, 0);
        assert_eq!(path, "/api/v1/namespaces/bench-kept/configmaps/kept-4");
    }
}
