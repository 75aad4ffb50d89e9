//! IP addresses and CIDRs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::library::Library;
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    pub(crate) address: IpAddr,
    pub(crate) bits: u8,
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "ip" => |args| match args {
            [Value::String(text)] => parse_ip(text).map(address),
            [value] => cidr_of(value).map(|cidr| address(cidr.address)),
            _ => none(),
        },
        "isIP" => |args| text(args).map(|text| Value::Bool(parse_ip(text).is_ok())),
        "ip.isCanonical" => |args| {
            let text = text(args)?;
            Ok(Value::Bool(parse_ip(text)?.to_string() == text))
        },
        "family" => |args| Ok(Value::Int(if ip_of(args)?.is_ipv4() { 4 } else { 6 })),
        "isUnspecified" => |args| Ok(Value::Bool(ip_of(args)?.is_unspecified())),
        "isLoopback" => |args| Ok(Value::Bool(ip_of(args)?.is_loopback())),
        "isLinkLocalMulticast" => |args| Ok(Value::Bool(link_local_multicast(ip_of(args)?))),
        "isLinkLocalUnicast" => |args| Ok(Value::Bool(link_local(ip_of(args)?))),
        "isGlobalUnicast" => |args| Ok(Value::Bool(global_unicast(ip_of(args)?))),
        "cidr" => |args| parse_cidr(text(args)?).map(wrap),
        "isCIDR" => |args| text(args).map(|text| Value::Bool(parse_cidr(text).is_ok())),
        "containsIP" => contains_ip,
        "containsCIDR" => contains_cidr,
        "masked" => |args| {
            let cidr = first_cidr(args)?;
            Ok(wrap(Cidr { address: masked(cidr.address, cidr.bits), bits: cidr.bits }))
        },
        "prefixLength" => |args| Ok(Value::Int(i64::from(first_cidr(args)?.bits))),
        _ => return None,
    })
}

fn none<T>() -> Result<T, String> {
    Err(NO_OVERLOAD.to_owned())
}

fn address<'a>(address: IpAddr) -> Value<'a> {
    Value::library(Library::Ip(address))
}

fn wrap<'a>(cidr: Cidr) -> Value<'a> {
    Value::library(Library::Cidr(cidr))
}

fn text<'v>(args: &'v [Value<'_>]) -> Result<&'v str, String> {
    match args {
        [Value::String(text)] => Ok(text),
        _ => none(),
    }
}

fn ip_of(args: &[Value<'_>]) -> Result<IpAddr, String> {
    match args.last() {
        Some(Value::Library(value)) => match &**value {
            Library::Ip(address) => Ok(*address),
            _ => none(),
        },
        _ => none(),
    }
}

fn cidr_of(value: &Value<'_>) -> Result<Cidr, String> {
    match value {
        Value::Library(value) => match &**value {
            Library::Cidr(cidr) => Ok(*cidr),
            _ => none(),
        },
        _ => none(),
    }
}

fn first_cidr(args: &[Value<'_>]) -> Result<Cidr, String> {
    args.first().map_or_else(none, cidr_of)
}

fn parse_ip(text: &str) -> Result<IpAddr, String> {
    if let Some((address, _)) = text.split_once('%')
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return Err(format!("IP address {text:?} with zone value is not allowed"));
    }
    let address: IpAddr = text
        .parse()
        .map_err(|_| format!("IP Address {text:?} parse error during conversion from string: {}", why_not(text)))?;
    if matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
        return Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed"));
    }
    Ok(address)
}

/// What upstream says of text that is no address.
fn why_not(text: &str) -> String {
    let what = if text.contains(':') || !text.contains('.') {
        "unable to parse IP"
    } else {
        let fields: Vec<&str> = text.split('.').collect();
        if fields.iter().any(|field| field.len() > 1 && field.starts_with('0')) {
            "IPv4 field has octet with leading zero"
        } else if fields.iter().any(|field| field.bytes().any(|byte| !byte.is_ascii_digit())) {
            "unexpected character"
        } else if fields.iter().any(|field| field.parse::<u8>().is_err()) {
            "IPv4 field has value >255"
        } else if fields.len() < 4 {
            "IPv4 address too short"
        } else {
            "IPv4 address too long"
        }
    };
    format!("ParseAddr({text:?}): {what}")
}

fn parse_cidr(text: &str) -> Result<Cidr, String> {
    const PREFIX: &str = "network address parse error during conversion from string: ";
    let bad = |why: &str| format!("{PREFIX}{PREFIX}netip.ParsePrefix({text:?}): {why}");
    let (address, bits) = text.rsplit_once('/').ok_or_else(|| bad("no '/'"))?;
    let parsed: IpAddr = address.parse().map_err(|_| bad(&why_not(address)))?;
    let number = bits.parse::<u8>().ok().filter(|_| bits == "0" || !bits.starts_with(['0', '+']));
    let bits = number.ok_or_else(|| bad(&format!("bad bits after slash: {bits:?}")))?;
    if bits > width(parsed) {
        return Err(bad("prefix length out of range"));
    }
    if matches!(parsed, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
        return Err(format!("{PREFIX}IPv4-mapped IPv6 address {text:?} is not allowed"));
    }
    Ok(Cidr { address: parsed, bits })
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

fn holds(cidr: Cidr, address: IpAddr) -> bool {
    cidr.address.is_ipv4() == address.is_ipv4() && masked(address, cidr.bits) == masked(cidr.address, cidr.bits)
}

fn contains_ip<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let cidr = first_cidr(args)?;
    let address = match args {
        [_, Value::String(text)] => parse_ip(text).map_err(|_| crate::builtin::PLAIN_NO_OVERLOAD.to_owned())?,
        [_, _] => ip_of(args)?,
        _ => return none(),
    };
    Ok(Value::Bool(holds(cidr, address)))
}

fn contains_cidr<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let cidr = first_cidr(args)?;
    let other = match args {
        [_, Value::String(text)] => parse_cidr(text)?,
        [_, other] => cidr_of(other)?,
        _ => return none(),
    };
    Ok(Value::Bool(cidr.bits <= other.bits && holds(cidr, other.address)))
}

fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

fn global_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(Ipv4Addr::BROADCAST));
    !broadcast && !address.is_unspecified() && !address.is_loopback() && !address.is_multicast() && !link_local(address)
}
