//! An instance that calls: a load tool that runs below it is that instance, as far as a mesh can tell. `caller PORT SOCKET URL` is
//! healthy on `PORT`. On the Unix socket `SOCKET` it takes a command, an argument a line up to an empty line, runs it and
//! answers with its output. In the arguments `http://back` stands for `URL`.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::net::{UnixListener, UnixStream},
    process::Command,
    thread,
};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, socket, url] = &arguments[..] else { anyhow::bail!("usage: caller PORT SOCKET URL") };
    let commands = UnixListener::bind(socket)?;
    let health = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?))?;
    thread::spawn(move || health.incoming().for_each(drop));
    for stream in commands.incoming() {
        run(&stream?, url)?;
    }
    Ok(())
}

fn run(mut stream: &UnixStream, url: &str) -> anyhow::Result<()> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let mut arguments = lines.map(|line| line.replace("http://back", url));
    let Some(program) = arguments.next() else { return Ok(()) };
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => [output.stdout, output.stderr].concat(),
        Err(error) => error.to_string().into_bytes(),
    };
    Ok(stream.write_all(&output)?)
}
