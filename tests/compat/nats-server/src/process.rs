//! One process, from its start until it says that it is ready, to its end.

use std::{
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// What a server writes when clients may come, before the address.
const LISTENS: &str = "Listening for client connections on ";
/// What a server writes when everything else listens too.
const READY: &str = "Server is ready";
const READY_IN: Duration = Duration::from_secs(10);

/// A process of a server, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    port: u16,
}

impl Process {
    /// Starts the server and waits until it is ready.
    pub(crate) fn start(program: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let log = child.stderr.take().expect("it is piped");
        let (sender, receiver) = sync_channel(1);
        thread::spawn(move || read(log, &sender));
        match ready(&receiver) {
            Ok(port) => Self { child, port },
            Err(cause) => {
                end(&mut child);
                panic!("{} {} is not ready: {cause}", program.display(), arguments.join(" "));
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn kill(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn ready(receiver: &Receiver<Result<u16, String>>) -> Result<u16, String> {
    receiver.recv_timeout(READY_IN).unwrap_or_else(|_| Err(format!("nothing heard in {READY_IN:?}")))
}

/// Reports the port, or what was said instead, and then reads on: a server whose log nobody reads would stop.
fn read(log: ChildStderr, sender: &SyncSender<Result<u16, String>>) {
    let mut log = BufReader::new(log);
    let _ = sender.send(port(&mut log));
    let _ = io::copy(&mut log, &mut io::sink());
}

/// The port for clients, once the server is ready; else everything that it said.
fn port(log: &mut impl BufRead) -> Result<u16, String> {
    let (mut port, mut said) = (None, String::new());
    for line in log.lines().map_while(Result::ok) {
        port = port.or_else(|| line.split_once(LISTENS)?.1.rsplit_once(':')?.1.trim().parse().ok());
        said = said + "\n" + &line;
        if let (true, Some(port)) = (line.contains(READY), port) {
            return Ok(port);
        }
    }
    Err(said)
}

#[cfg(test)]
mod tests {
    use super::port;

    #[test]
    fn the_port_is_what_a_ready_server_said() {
        let listens = "[1] [INF] Listening for client connections on 0.0.0.0:4223\n";
        for (said, expected) in [
            (format!("{listens}[1] [INF] Server is ready\nmore"), Ok(4223)),
            (format!("{}[INF] Server is ready", listens.replace("0.0.0.0", "[::1]")), Ok(4223)),
            (listens.into(), Err(format!("\n{}", listens.trim_end()))),
            ("no such flag\n".into(), Err("\nno such flag".into())),
        ] {
            assert_eq!(port(&mut said.as_bytes()), expected, "{said}");
        }
    }
}
