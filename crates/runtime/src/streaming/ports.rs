//! The connections of one port-forward client: SPDY streams in pairs, or two WebSocket channels for each port.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::HashMap;

use super::command::Io;
use super::forward::{Pair, Target, run};
use super::negotiate::{Agreed, Carrier, Channels};
use super::spdy::{self, Opened};
use super::{tunnel, websocket};

/// Half-open pairs one client may have.
const PAIRS_MAX: usize = 1000;

pub async fn serve(io: Io, agreed: Agreed, target: Target, ports: Vec<u16>) {
    match agreed.carrier {
        Carrier::Spdy => pairs(spdy::serve(io), target).await,
        Carrier::Tunnel => pairs(spdy::serve(tunnel::open(websocket::accept(io).await)), target).await,
        Carrier::Channels(channels) => by_channel(io, channels, target, ports).await,
    }
}

/// Every connection is a stream for errors and one for data, joined by the id of the client's request.
async fn pairs(mut connection: spdy::Connection, target: Target) {
    let mut halves: HashMap<String, Opened> = HashMap::new();
    while let Some(opened) = connection.opened.recv().await {
        let id = request_id(&opened);
        let Some(other) = halves.remove(&id) else {
            if halves.len() < PAIRS_MAX {
                halves.insert(id, opened);
            }
            continue;
        };
        let (error, data) = if is_error(&opened) { (opened, other) } else { (other, opened) };
        let port = data.header("port").and_then(|text| text.parse().ok());
        let Some(port) = port.filter(|_| is_error(&error) && !is_error(&data)) else {
            tracing::debug!(id, "a port-forward's streams are not a pair with a port");
            continue;
        };
        let gone = data.reset.clone();
        let pair = Pair { port, input: data.input, data: data.output, error: error.output, gone };
        tokio::spawn(run(target.clone(), pair));
    }
}

fn is_error(opened: &Opened) -> bool {
    opened.header("streamtype") == Some("error")
}

/// Clients that give no id open the stream for data right after that for errors.
fn request_id(opened: &Opened) -> String {
    match opened.header("requestid") {
        Some(id) => id.to_owned(),
        None if is_error(opened) => format!("stream {}", opened.stream),
        None => format!("stream {}", opened.stream.saturating_sub(2)),
    }
}

/// Each port of the request has one connection: channel 2n for data, 2n + 1 for errors; both begin with the port's number.
async fn by_channel(io: Io, channels: Channels, target: Target, ports: Vec<u16>) {
    let socket = websocket::accept(io).await;
    let numbered: Vec<(u8, u16)> = (0..=u8::MAX / 2).map(|number| number * 2).zip(ports).collect();
    let inputs: Vec<u8> = numbered.iter().map(|(data, _)| *data).collect();
    let outputs: Vec<u8> = numbered.iter().flat_map(|(data, _)| [*data, data + 1]).collect();
    let mut wired = websocket::serve(socket, channels, &inputs, &outputs);
    for (channel, port) in numbered {
        let input = wired.inputs.remove(&channel);
        let (data, error) = (wired.outputs.remove(&channel), wired.outputs.remove(&(channel + 1)));
        let (Some(input), Some(data), Some(error)) = (input, data, error) else { continue };
        for output in [&data, &error] {
            let (Ok(()) | Err(_)) = output.send(port.to_le_bytes().to_vec()).await;
        }
        let pair = Pair { port, input, data, error, gone: wired.gone.clone() };
        tokio::spawn(run(target.clone(), pair));
    }
}
