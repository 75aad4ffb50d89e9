//! Which protocol a client and this server have in common. Pure. The first of ours that the client offers is taken.

use http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL, UPGRADE};

/// The framing of channels in WebSocket messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// Text messages: a digit for the channel, then base64.
    pub is_base64: bool,
    /// Version 5: clients end a channel by a message of its own (KEP-4006).
    pub can_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Spdy,
    Channels(Channels),
    /// SPDY inside of WebSocket messages (KEP-4006).
    Tunnel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    pub carrier: Carrier,
    /// As the client is told.
    pub name: &'static str,
}

pub const SPDY: &str = "SPDY/3.1";
pub const STREAM_PROTOCOL: &str = "x-stream-protocol-version";

const fn channels(is_base64: bool, can_end: bool) -> Carrier {
    Carrier::Channels(Channels { is_base64, can_end })
}

/// Exec and attach over SPDY; what clients of Kubernetes 1.4 and newer speak.
const COMMAND_SPDY: &[Agreed] = &[Agreed { carrier: Carrier::Spdy, name: "v4.channel.k8s.io" }];
const COMMAND_WEBSOCKET: &[Agreed] = &[
    Agreed { carrier: channels(false, true), name: "v5.channel.k8s.io" },
    Agreed { carrier: channels(false, false), name: "v4.channel.k8s.io" },
    Agreed { carrier: channels(true, false), name: "v4.base64.channel.k8s.io" },
];
const FORWARD_SPDY: &[Agreed] = &[Agreed { carrier: Carrier::Spdy, name: "portforward.k8s.io" }];
const FORWARD_WEBSOCKET: &[Agreed] = &[
    Agreed { carrier: Carrier::Tunnel, name: "SPDY/3.1+portforward.k8s.io" },
    Agreed { carrier: channels(false, false), name: "v4.channel.k8s.io" },
    Agreed { carrier: channels(true, false), name: "v4.base64.channel.k8s.io" },
];

/// Agrees on a protocol, or says why there is none.
pub fn agree(headers: &HeaderMap, is_forward: bool) -> Result<Agreed, String> {
    let upgrade = headers.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (ours, offered) = if upgrade.eq_ignore_ascii_case(SPDY) {
        (if is_forward { FORWARD_SPDY } else { COMMAND_SPDY }, list(headers, STREAM_PROTOCOL))
    } else if upgrade.eq_ignore_ascii_case("websocket") {
        let ours = if is_forward { FORWARD_WEBSOCKET } else { COMMAND_WEBSOCKET };
        (ours, list(headers, SEC_WEBSOCKET_PROTOCOL.as_str()))
    } else {
        return Err(format!("unable to upgrade: it must be {SPDY:?} or \"websocket\", not {upgrade:?}"));
    };
    let found = ours.iter().find(|agreed| offered.iter().any(|name| name == agreed.name));
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = ours.iter().map(|agreed| agreed.name).collect();
        format!("unable to negotiate protocol: client supports {offered:?}, server accepts {names:?}")
    })
}

/// The values of a header that may be repeated, and may be lists.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|value| value.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kubectl 1.27, kubectl 1.31 and the Python client send.
    #[test]
    fn clients_and_what_is_agreed() {
        let agreed = |upgrade: &str, protocols: &[&str], is_forward: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(UPGRADE, upgrade.parse().unwrap());
            let is_spdy = upgrade.eq_ignore_ascii_case(SPDY);
            let name = if is_spdy { STREAM_PROTOCOL } else { SEC_WEBSOCKET_PROTOCOL.as_str() };
            for protocol in protocols {
                headers.append(http::HeaderName::try_from(name).unwrap(), protocol.parse().unwrap());
            }
            agree(&headers, is_forward).map(|agreed| agreed.name)
        };
        let versions = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
        assert_eq!(agreed("SPDY/3.1", &versions, false), Ok("v4.channel.k8s.io"));
        assert_eq!(agreed("SPDY/3.1", &["portforward.k8s.io"], true), Ok("portforward.k8s.io"));
        assert_eq!(agreed("websocket", &["v5.channel.k8s.io"], false), Ok("v5.channel.k8s.io"));
        assert_eq!(
            agreed("websocket", &["v4.base64.channel.k8s.io, v4.channel.k8s.io"], false),
            Ok("v4.channel.k8s.io")
        );
        assert_eq!(agreed("WebSocket", &["SPDY/3.1+portforward.k8s.io"], true), Ok("SPDY/3.1+portforward.k8s.io"));
        assert!(agreed("SPDY/3.1", &["channel.k8s.io"], false).unwrap_err().contains("server accepts"));
        assert!(agreed("h2c", &[], false).is_err());
    }
}
