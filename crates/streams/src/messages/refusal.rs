//! Tells a connection why it is not served.

use std::{io, net, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wire::nats::{write_error, write_info};

use crate::server::PROTOCOL_VERSION;

/// How long it has to listen.
const PATIENCE: Duration = Duration::from_secs(2);

/// Clients understand an error only from a server that has greeted them.
pub(super) async fn tell(socket: net::TcpStream, why: &str) -> io::Result<()> {
    let mut socket = TcpStream::from_std(socket)?;
    let mut said = Vec::new();
    write_info(greeting().as_bytes(), &mut said);
    write_error(&why.replace('\'', "`"), &mut said);
    let told = async {
        socket.write_all(&said).await?;
        socket.shutdown().await?;
        // What is closed with something unread is reset, and what was said last would be lost.
        let mut unheard = [0; 1024];
        while socket.read(&mut unheard).await? > 0 {}
        Ok(())
    };
    timeout(PATIENCE, told).await?
}

fn greeting() -> String {
    let version = PROTOCOL_VERSION;
    format!(r#"{{"server_id":"isles","version":"{version}","proto":1,"headers":true,"max_payload":1048576}}"#)
}
