//! Clients that stay: `idle ADDRESS COUNT` opens so many connections, sends a request on each and reads the answer, then prints the
//! count and holds them until its input ends.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::ensure;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: idle\r\n\r\n";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, count] = &arguments[..] else { anyhow::bail!("usage: idle ADDRESS COUNT") };
    let (address, count): (SocketAddr, usize) = (address.parse()?, count.parse()?);
    let connections: Vec<_> = (0..count).map(|_| connect(address)).collect::<Result<_, _>>()?;
    println!("{}", connections.len());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A connection on which one request was answered. The answer is small: it comes in one piece.
fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(REQUEST)?;
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer)?;
    ensure!(answer[..count].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..count]));
    Ok(stream)
}
