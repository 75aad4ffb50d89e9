//! URLs, read as Go's net/url reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::library::Library;
use crate::value::{Key, Map, Value};

pub struct Url {
    pub(crate) text: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "url" => |args| match args {
            [Value::String(text)] => parse(text)
                .map(|url| Value::library(Library::Url(url)))
                .map_err(|error| format!("URL parse error during conversion from string: {error}")),
            _ => none(),
        },
        "isURL" => |args| match args {
            [Value::String(text)] => Ok(Value::Bool(parse(text).is_ok())),
            _ => none(),
        },
        "getScheme" => |args| part(args, |url| url.scheme.clone()),
        "getHost" => |args| part(args, |url| url.host.clone()),
        "getHostname" => |args| part(args, |url| split_host(&url.host).0.to_owned()),
        "getPort" => |args| part(args, |url| split_host(&url.host).1.to_owned()),
        "getEscapedPath" => |args| part(args, |url| escaped_path(&url.path)),
        "getQuery" => query,
        _ => return None,
    })
}

fn none<T>() -> Result<T, String> {
    Err(NO_OVERLOAD.to_owned())
}

fn of<'v>(args: &'v [Value<'_>]) -> Result<&'v Url, String> {
    match args {
        [Value::Library(value)] => match &**value {
            Library::Url(url) => Ok(url),
            _ => none(),
        },
        _ => none(),
    }
}

fn part<'a>(args: &[Value<'a>], part: fn(&Url) -> String) -> Outcome<'a> {
    of(args).map(|url| Value::text(part(url)))
}

fn query<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let mut values: BTreeMap<Key, Vec<Value<'a>>> = BTreeMap::new();
    for pair in of(args)?.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(name), Some(value)) = (unescape(&name.replace('+', " ")), unescape(&value.replace('+', " "))) {
            values.entry(Key::String(name.into())).or_default().push(Value::text(value));
        }
    }
    let values = values.into_iter().map(|(name, values)| (name, Value::list(values))).collect();
    Ok(Value::Map(Map::Values(Arc::new(values))))
}

/// An absolute URL, or an absolute path.
fn parse(text: &str) -> Result<Url, String> {
    check_request(text)?;
    let (without_fragment, _) = text.split_once('#').unwrap_or((text, ""));
    let url = split(without_fragment).map_err(|why| format!("parse {text:?}: {why}"))?;
    Ok(Url { text: text.to_owned(), ..url })
}

/// What is wrong with a URL, fragments being no part of it.
pub(crate) fn check_request(text: &str) -> Result<(), String> {
    split(text).map(drop).map_err(|why| format!("parse {text:?}: {why}"))
}

fn split(text: &str) -> Result<Url, String> {
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if text.is_empty() {
        return Err("empty url".to_owned());
    }
    let (scheme, rest) = scheme(text)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut url = Url {
        text: text.to_owned(),
        scheme: scheme.to_lowercase(),
        host: String::new(),
        path: rest.to_owned(),
        query: query.to_owned(),
    };
    if !rest.starts_with('/') && rest != "*" {
        if scheme.is_empty() {
            return Err("invalid URI for request".to_owned());
        }
        url.path.clear();
        return Ok(url);
    }
    if !scheme.is_empty()
        && let Some(authority) = rest.strip_prefix("//")
    {
        let end = authority.find('/').unwrap_or(authority.len());
        url.host = host(&authority[..end])?;
        url.path = authority[end..].to_owned();
    }
    check_escapes(&url.path)?;
    Ok(url)
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if place > 0 => {}
            b':' if place == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..place], &text[place + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn host(authority: &str) -> Result<String, String> {
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if let Some(user) = user {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
        if !user.chars().all(allowed) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        check_escapes(user)?;
    }
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        &host[end + 1..]
    } else {
        host.rfind(':').map_or("", |colon| &host[colon..])
    };
    let digits = port.strip_prefix(':').unwrap_or_default();
    if !port.is_empty() && (!port.starts_with(':') || !digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!("invalid port {port:?} after host"));
    }
    let allowed = |c: &char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(*c);
    if let Some(bad) = host.chars().find(|c| !allowed(c)) {
        return Err(format!("invalid character {:?} in host name", bad.to_string()));
    }
    check_escapes(host)?;
    unescape(host).ok_or_else(|| "invalid URL escape".to_owned())
}

fn check_escapes(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    for (place, _) in text.match_indices('%') {
        let digits = bytes.get(place + 1..place + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let shown = String::from_utf8_lossy(&bytes[place..bytes.len().min(place + 3)]).into_owned();
            return Err(format!("invalid URL escape {shown:?}"));
        }
    }
    Ok(())
}

fn unescape(text: &str) -> Option<String> {
    check_escapes(text).ok()?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The path as it was written when that is well formed, else escaped anew.
fn escaped_path(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
    if path.bytes().all(|byte| plain(byte) || b"!'()*[]%".contains(&byte)) {
        return path.to_owned();
    }
    let unescaped = unescape(path).unwrap_or_default();
    let mut escaped = String::new();
    for byte in unescaped.bytes() {
        if plain(byte) {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The name and the port, brackets taken off.
fn split_host(host: &str) -> (&str, &str) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => (name, port),
        _ => (host, ""),
    };
    if host.starts_with('[') && host.ends_with(']') {
        return (host.trim_matches(['[', ']']), "");
    }
    (name.trim_matches(['[', ']']), port)
}
