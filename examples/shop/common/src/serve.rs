use std::{env, process::ExitCode};

use axum::{Router, http::StatusCode, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{Error, Fault};

/// Serves the app on `127.0.0.1:$PORT` until SIGTERM or SIGINT, then finishes what is in flight.
pub fn run(name: &str, app: fn() -> Result<Router, Fault>) -> ExitCode {
    match try_run(name, app) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name} cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(name: &str, app: fn() -> Result<Router, Fault>) -> Result<(), Fault> {
    let port: u16 = env::var("PORT").map_err(|_| "$PORT is not set")?.parse().map_err(|_| "$PORT is not a port")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // What the app begins beside serving begins in the runtime.
    let _inside = runtime.enter();
    let app = app()?
        .route("/healthz", get(async || "ok"))
        .fallback(async || Error::not_found("there is nothing here"))
        .method_not_allowed_fallback(async || {
            Error::new(StatusCode::METHOD_NOT_ALLOWED, "this method does not work here")
        });
    runtime.block_on(serve(name, port, app))
}

async fn serve(name: &str, port: u16, app: Router) -> Result<(), Fault> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{name} listens on 127.0.0.1:{port}");
    let asked_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(asked_to_stop).await?;
    println!("{name} has stopped");
    Ok(())
}
