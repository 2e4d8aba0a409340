//! `isles nats-server`: the NATS server alone.

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use cli::{
    nats_server::{HELP, NatsServerArgs, parse},
    report::UserError,
    terminal::Terminal,
};
use ports::clock::HostClock;
use streams::{
    engine,
    server::{Auth, Config, Identity, Listeners, Service, User, start},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::view::block_on;

/// Runs the server until a signal ends it.
pub(crate) fn run(arguments: &[OsString], clock: HostClock, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let Some(args) = parse(arguments)? else {
        terminal.print(HELP)?;
        return Ok(ExitCode::SUCCESS);
    };
    let clients = listen(args.address, args.port, "--port")?;
    let monitor = args.http_port.map(|port| listen(args.address, port, "--http_port")).transpose()?;
    let address = clients.local_addr()?;
    let clock = Arc::new(clock);
    let (engine, courier) = match &args.store {
        Some(folder) => engine::open(folder, clock.clone()).map(Some).map_err(|error| {
            let hint = "give another --store_dir, or look into this one";
            UserError::failed(format!("the streams in {} cannot be opened: {error}", folder.display()), hint)
        })?,
        None => None,
    }
    .unzip();
    for trouble in engine.iter().flat_map(|engine| engine.troubles()) {
        terminal.say(&format!("{trouble}\n"));
    }
    let services: Vec<_> = engine.into_iter().map(|engine| Box::new(engine) as Box<dyn Service>).collect();
    let monitored = monitor.as_ref().map(TcpListener::local_addr).transpose()?;
    block_on(async {
        let mut ends = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let listeners = Listeners { clients: Some(clients), monitor };
        let handle = start(config(args, address), services, listeners, clock, fastrand::u64(..));
        let handle = handle.context("the server cannot be started")?;
        if let Some(courier) = courier {
            courier.start(&handle)?;
        }
        terminal.print(&format!("Listening for clients on {address}\n"))?;
        if let Some(monitored) = monitored {
            terminal.print(&format!("Answering http://{monitored}/varz\n"))?;
        }
        wait_for_any(&mut ends).await?;
        handle.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn listen(address: IpAddr, port: u16, flag: &str) -> Result<TcpListener, UserError> {
    let address = SocketAddr::from((address, port));
    TcpListener::bind(address).map_err(|error| {
        UserError::failed(format!("cannot listen on {address}: {error}"), format!("give another {flag}, or -1"))
    })
}

fn config(args: NatsServerArgs, address: SocketAddr) -> Config {
    let identity = |name| Arc::new(Identity { name, ..Identity::default() });
    let users = args.user.into_iter().map(|(name, password)| User { password, identity: identity(name) });
    let auth = Auth { users: users.collect(), token: args.token };
    let default = Config::default();
    Config {
        server_name: args.name.unwrap_or(default.server_name),
        host: address.ip().to_string(),
        port: address.port(),
        auth,
        jetstream: args.store.is_some(),
        ..default
    }
}

async fn wait_for_any(signals: &mut [std::io::Result<tokio::signal::unix::Signal>; 3]) -> anyhow::Result<()> {
    let [Ok(interrupt), Ok(terminate), Ok(hangup)] = signals else { anyhow::bail!("signals cannot be waited for") };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
