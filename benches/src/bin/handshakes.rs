//! A client that does little but shake hands: TLS 1.3, one request a connection, each from the beginning, in one thread.
//! `handshakes CERTIFICATE CONNECTIONS SECONDS ADDRESS` trusts the certificate in that file (PEM), which is for `localhost`, and prints
//! what it counted as wrk does.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{default_provider, kx_group::X25519},
    },
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};
use tokio_rustls::TlsConnector;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 ";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [certificate, connections, seconds, address] = &arguments[..] else {
        anyhow::bail!("usage: handshakes CERTIFICATE CONNECTIONS SECONDS ADDRESS")
    };
    let (address, connections): (SocketAddr, usize) = (address.parse()?, connections.parse()?);
    let connector = connector(Path::new(certificate))?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds.parse()?);
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let connector = connector.clone();
        clients.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let begun = Instant::now();
                one(address, &connector).await?;
                times.push(begun.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    print(times, begun.elapsed())
}

/// One key exchange, which every server knows; and nothing is resumed, so that every connection costs a whole handshake.
fn connector(certificate: &Path) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let provider = CryptoProvider { kx_groups: vec![X25519], ..default_provider() };
    let mut settings = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    settings.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(settings)))
}

async fn one(address: SocketAddr, connector: &TlsConnector) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(1024);
    stream.read_to_end(&mut answer).await?;
    ensure!(answer.starts_with(OK), "answered: {}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn print(mut times: Vec<Duration>, took: Duration) -> anyhow::Result<()> {
    times.sort_unstable();
    let quantile = |percent: usize| times.get(times.len() * percent / 100).context("nothing was answered");
    println!("  {} requests in {:.2}s", times.len(), took.as_secs_f64());
    for percent in [50, 99] {
        println!("  {percent}% {}us", quantile(percent)?.as_micros());
    }
    println!("Requests/sec: {:.2}", f64::from(u32::try_from(times.len())?) / took.as_secs_f64());
    Ok(())
}
