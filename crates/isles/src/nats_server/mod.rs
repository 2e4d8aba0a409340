//! `isles nats-server`: the NATS server alone.

mod log;
mod settings;
mod signals;

use std::{
    ffi::OsString,
    fs,
    net::{IpAddr, SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use cli::{
    nats_server::{HELP, NatsServerArgs, parse},
    report::UserError,
    settings::{Environment, Settings as CommandLine},
    terminal::Terminal,
};
use ports::{
    clock::{Clock, HostClock},
    wall_clock::WallClock,
};
use streams::{
    conf::{JetStream, Settings},
    engine::{self, Courier, Engine},
    server::{Handle, Listeners, Service, start},
};

use crate::view::block_on;
use log::Log;
use signals::{Signal, Signals};

/// Runs the server until a signal ends it.
pub(crate) fn run(
    arguments: &[OsString],
    line: &CommandLine,
    environment: &Environment,
    clock: HostClock,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    line.refuse_json("a NATS server writes a log")?;
    let Some(args) = parse(arguments)? else {
        terminal.print(HELP)?;
        return Ok(ExitCode::SUCCESS);
    };
    let settings = settings::read(&args, environment)?;
    let server = settings::server(&settings)?;
    if args.check {
        terminal.print("The configuration can be used.\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let clients = listen(settings.host, settings.port, "--port")?;
    let monitor = settings.monitor.map(|(host, port)| listen(host, port, "--http_port")).transpose()?;
    let server = settings::listening(server, clients.local_addr()?);
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let log = Log::open(settings.log_file.as_deref(), Arc::new(WallClock::new(clock.clone())))?;
    let (engine, courier) = settings.jetstream.as_ref().map(|js| open(js, clock.clone())).transpose()?.unzip();
    block_on(async {
        let signals = Signals::wait_for()?;
        announce(&settings, &clients, monitor.as_ref(), &log)?;
        engine.iter().flat_map(Engine::troubles).for_each(|trouble| log.error(&trouble));
        let listeners = Listeners { clients: Some(clients), monitor };
        let services = engine.into_iter().map(|engine| Box::new(engine) as Box<dyn Service>).collect();
        let handle = start(server, services, listeners, clock, fastrand::u64(..));
        let handle = handle.context("the server cannot be started")?;
        if let Some(courier) = courier {
            courier.start(&handle)?;
        }
        if let Some(file) = &settings.pid_file {
            fs::write(file, std::process::id().to_string()).map_err(|error| unwritable("process id", file, &error))?;
        }
        log.info("Server is ready");
        let running = Running { handle, args: &args, environment, settings, log: &log };
        running.until_the_end(signals).await;
        Ok(ExitCode::SUCCESS)
    })
}

fn open(jetstream: &JetStream, clock: Arc<dyn Clock>) -> Result<(Engine, Courier), UserError> {
    let folder = &jetstream.store;
    let (mut engine, courier) = engine::open(folder, clock).map_err(|error| {
        let hint = "give another --store_dir, or look into this one";
        UserError::failed(format!("the streams in {} cannot be opened: {error}", folder.display()), hint)
    })?;
    engine.limit(jetstream.limits);
    Ok((engine, courier))
}

fn listen(host: IpAddr, port: u16, flag: &str) -> Result<TcpListener, UserError> {
    let address = SocketAddr::from((host, port));
    TcpListener::bind(address).map_err(|error| {
        UserError::failed(format!("cannot listen on {address}: {error}"), format!("give another {flag}, or -1"))
    })
}

fn unwritable(what: &str, file: &std::path::Path, error: &std::io::Error) -> UserError {
    UserError::failed(format!("the {what} cannot be written to {}: {error}", file.display()), "give another path")
}

/// Says what listens where, as the reference server does.
fn announce(
    settings: &Settings,
    clients: &TcpListener,
    monitor: Option<&TcpListener>,
    log: &Log,
) -> anyhow::Result<()> {
    log.info(concat!("Starting isles nats-server ", env!("CARGO_PKG_VERSION")));
    if let Some(monitor) = monitor {
        log.info(&format!("Starting http monitor on {}", monitor.local_addr()?));
    }
    if let Some(jetstream) = &settings.jetstream {
        log.info(&format!("JetStream keeps its streams in {}", jetstream.store.display()));
    }
    log.info(&format!("Listening for client connections on {}", clients.local_addr()?));
    if let Some(tls) = &settings.tls {
        log.info(if tls.is_optional { "TLS offered to clients" } else { "TLS required for client connections" });
    }
    Ok(())
}

/// A server between its start and its end.
struct Running<'a> {
    handle: Handle,
    args: &'a NatsServerArgs,
    environment: &'a Environment,
    settings: Settings,
    log: &'a Log,
}

impl Running<'_> {
    async fn until_the_end(mut self, mut signals: Signals) {
        loop {
            match signals.next().await {
                Signal::End => break,
                Signal::Reload => self.reload().await,
                Signal::LameDuck => {
                    self.log.info("Entering lame duck mode, stop accepting new clients");
                    tokio::select! {
                        () = self.handle.retire() => {}
                        () = signals.end() => {}
                    }
                    break;
                }
            }
        }
        self.log.info("Stopping");
        self.handle.stop().await;
        if let Some(file) = &self.settings.pid_file {
            let _ = fs::remove_file(file);
        }
    }

    /// Puts what changed into force, or nothing of it.
    async fn reload(&mut self) {
        let read = || {
            let settings = settings::read(self.args, self.environment)?;
            settings::check_fixed(&self.settings, &settings)?;
            let server = settings::server(&settings)?;
            Ok::<_, UserError>((settings, server))
        };
        match read() {
            Ok((settings, server)) => {
                self.settings = settings;
                // The server is there as long as its handle is.
                let _ = self.handle.reload(server).await;
                self.log.info("Reloaded the configuration");
            }
            Err(error) => self.log.error(&format!("The configuration stays as it was: {error}; hint: {}", error.hint)),
        }
    }
}
