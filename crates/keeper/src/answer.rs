//! What a platform process asks for, carried out.

use std::{io, os::fd::OwnedFd};

use crate::{
    child::refusal,
    keeper::Keeper,
    packet,
    process::Process,
    protocol::{Event, ListenAddress, Message, Numbered, Refusal, Reply, Request, Spawn, VERSION},
    socket::Socket,
};

type Answer = Result<(Reply, Option<OwnedFd>), Refusal>;

impl Keeper {
    /// Reads one request; `false` when there is none. What a platform process asked for before it ended is done.
    pub(crate) fn read_request(&mut self) -> bool {
        let Some(process) = &self.platform.process else { return false };
        match packet::receive(&process.socket) {
            Ok((packet, _)) if !packet.is_empty() => match serde_json::from_slice::<Numbered>(&packet) {
                Ok(Numbered { number, request }) => self.answer(number, request),
                Err(error) => self.platform.kill(&format!("it sent what is not a request: {error}")),
            },
            // Said once, before what is still to be read: it went without having read every reply.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            _ => return false,
        }
        true
    }

    fn answer(&mut self, number: u64, request: Request) {
        let hello = matches!(request, Request::Hello { .. });
        let (reply, fd) = match self.carry_out(request) {
            Ok((reply, fd)) => (Ok(reply), fd),
            Err(refusal) => (Err(refusal), None),
        };
        let welcome = hello && reply.is_ok();
        self.platform.push(&Message::Reply { number, reply }, fd);
        if welcome {
            self.welcome();
        }
    }

    fn carry_out(&mut self, request: Request) -> Answer {
        match request {
            Request::Hello { version } => return self.greet(version),
            Request::Ready => self.is_ready(),
            Request::Spawn(spawn) => return self.spawn(spawn),
            Request::Bind { name, address } => return self.bind(name, address),
            Request::Signal { key, signal, whom } => _ = self.processes.get(&key).map(|it| it.signal(signal, whom)),
            Request::Forget { key } => self.forget(&key),
            Request::Log { key, path } => _ = self.processes.get_mut(&key).map(|it| it.spawn.log = path),
            Request::Close { name } => self.close(&name),
            Request::Stop { code } => self.end = Some(code),
        }
        Ok((Reply::Done, None))
    }

    fn greet(&self, version: u32) -> Answer {
        if version != VERSION {
            let cause = format!("the platform process speaks version {version}, the keeper version {VERSION}");
            return Err(Refusal { step: "version".into(), errno: 0, cause });
        }
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (processes, sockets) = (count(self.processes.len()), count(self.sockets.len()));
        let (pid, generation) = (std::process::id(), self.platform.generation);
        Ok((Reply::Welcome { pid, processes, sockets, generation }, None))
    }

    /// Tells a new platform process everything, and leaves the output to it.
    fn welcome(&mut self) {
        for (key, process) in &mut self.processes {
            process.end_copy();
            let (pid, exit) = (process.pid.as_raw_pid().unsigned_abs(), process.exit);
            let Spawn { cgroups, secrets, .. } = process.spawn.clone();
            let event = Event::Process { key: key.clone(), pid, exit, cgroups, secrets };
            self.platform.push(&Message::Event(event), process.output.try_clone().ok());
        }
        for (name, socket) in &self.sockets {
            let event = Event::Socket { name: name.clone() };
            self.platform.push(&Message::Event(event), socket.fd.try_clone().ok());
        }
        if let Some(signal) = self.stop_signal {
            self.platform.push(&Message::Event(Event::StopRequested { signal }), None);
        }
        let _ = self.platform.process.as_mut().map(|process| process.connected = true);
    }

    fn is_ready(&mut self) {
        let _ = self.platform.process.as_mut().map(|process| process.ready = true);
        self.config.manager.is_ready();
        self.upgrade_platform_is_ready();
    }

    fn spawn(&mut self, spawn: Spawn) -> Answer {
        if self.processes.contains_key(&spawn.key) {
            let cause = format!("there already is a process `{}`", spawn.key);
            return Err(Refusal { step: "key".into(), errno: 0, cause });
        }
        self.groups.extend(spawn.cgroups.iter().filter_map(|group| group.parent()).map(Into::into));
        let process = Process::start(spawn, self.descriptors)?;
        let output = process.output.try_clone().map_err(refusal("fd", "no descriptor"));
        let (key, id) = (process.spawn.key.clone(), process.pid.as_raw_pid());
        self.config.lock.add(&key, id, &process.spawn.cgroups);
        self.processes.insert(key, process);
        Ok((Reply::Spawned { pid: id.unsigned_abs() }, Some(output?)))
    }

    fn forget(&mut self, key: &str) {
        if self.processes.get(key).is_some_and(|process| process.exit.is_some()) {
            self.processes.remove(key);
            self.config.lock.remove(key);
        }
    }

    fn bind(&mut self, name: String, address: ListenAddress) -> Answer {
        let existed = self.sockets.get(&name);
        if existed.is_some_and(|socket| socket.address != address) {
            let cause = format!("the socket `{name}` exists with another address");
            return Err(Refusal { step: "bind".into(), errno: 0, cause });
        }
        let existed = existed.is_some();
        if !existed {
            let socket = match self.config.manager.take(&name, &address) {
                Some(fd) => Socket { fd, address },
                None => Socket::listen(address)?,
            };
            self.config.manager.keep(&name, &socket.address, &socket.fd);
            self.sockets.insert(name.clone(), socket);
        }
        let fd = self.sockets[&name].fd.try_clone().map_err(refusal("fd", "no descriptor"))?;
        Ok((Reply::Bound { existed }, Some(fd)))
    }
    fn close(&mut self, name: &str) {
        if let Some(socket) = self.sockets.remove(name) {
            socket.unlink();
            self.config.manager.remove(name);
        }
    }
}
