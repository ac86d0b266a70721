//! A socket to a server and the messages on it. Nothing blocks for longer than a slice: in between whoever waits is asked whether to go on,
//! so that a job is ticked, times pass by the clock whatever signals come, and no thread is needed for any of that.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, connect, recv, send, socket};
use rustls::ClientConnection;

/// The longest wait between two questions.
const SLICE: Duration = Duration::from_millis(50);
/// Bytes that are read at once.
const READ_AT_ONCE: usize = 1 << 15;
/// No answer to one question of ours is longer than this; what says so is no server.
const LONGEST_MESSAGE: usize = (1 << 30) + (1 << 16);
/// What the buffers keep of their memory.
const MOST_KEPT: usize = 1 << 18;

/// Asked now and then while something is waited for; an error ends the wait.
pub type Look<'l> = &'l mut dyn FnMut() -> io::Result<()>;

/// Without a SIGPIPE, wherever the system can be told so for one call.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::DONTWAIT;

/// The socket alone, which never waits.
struct Raw<'s>(&'s OwnedFd);

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(self.0, &mut *into, RecvFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                done => return Ok(done?.0),
            }
        }
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        #[cfg(target_vendor = "apple")]
        let _quiet = crate::sockets::Quiet::begin();
        loop {
            match send(self.0, from, SEND) {
                Err(Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn would_block<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits for a slice at most.
fn wait(socket: &OwnedFd, flags: PollFlags) -> io::Result<()> {
    let slice = Timespec { tv_sec: 0, tv_nsec: i64::from(SLICE.subsec_nanos()) };
    match poll(&mut [PollFd::new(socket, flags)], Some(&slice)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A connection.
pub struct Wire {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
    input: BytesMut,
    output: BytesMut,
    /// How long the other end may be silent.
    limit: Option<Duration>,
}

impl Wire {
    /// Connects to an address of a host.
    pub fn to_host(address: SocketAddr, look: Look<'_>) -> io::Result<Wire> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = open(family)?;
        let begun = connect(&socket, &address);
        finish_connecting(&socket, begun, look)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let socket = OwnedFd::from(stream);
        // After long silence the system asks whether the other end is still there.
        rustix::net::sockopt::set_socket_keepalive(&socket, true)?;
        Ok(Wire::new(socket))
    }

    /// Connects to a Unix socket.
    pub fn to_file(path: &Path, look: Look<'_>) -> io::Result<Wire> {
        let socket = open(AddressFamily::UNIX)?;
        let address = SocketAddrUnix::new(path)?;
        // The server takes one after the other.
        while let Err(error) = connect(&socket, &address) {
            if !matches!(error, Errno::AGAIN | Errno::INTR) {
                return Err(error.into());
            }
            look()?;
            std::thread::sleep(SLICE);
        }
        Ok(Wire::new(socket))
    }

    fn new(socket: OwnedFd) -> Wire {
        Wire { socket, tls: None, input: BytesMut::new(), output: BytesMut::new(), limit: None }
    }

    /// The number of its descriptor.
    pub fn number(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// From now on the other end may be silent for so long.
    pub fn limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// What is sent next.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Encrypts everything from now on.
    pub fn encrypt(&mut self, tls: ClientConnection, look: Look<'_>) -> io::Result<()> {
        self.tls = Some(Box::new(tls));
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            let moved = self.push()? | self.pull()?;
            if !moved {
                look()?;
                wait(&self.socket, self.wanted())?;
            }
        }
        // The last of the handshake.
        while self.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            if !self.push()? {
                look()?;
                wait(&self.socket, PollFlags::OUT)?;
            }
        }
        Ok(())
    }

    /// The certificate of the other end, where everything is encrypted.
    pub fn certificate(&self) -> Option<&[u8]> {
        Some(self.tls.as_ref()?.peer_certificates()?.first()?.as_ref())
    }

    fn wanted(&self) -> PollFlags {
        let writes = match &self.tls {
            Some(tls) => tls.wants_write() || !self.output.is_empty(),
            None => !self.output.is_empty(),
        };
        if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// Sends what can be sent now; whether anything was.
    fn push(&mut self) -> io::Result<bool> {
        let mut moved = false;
        match &mut self.tls {
            None => {
                while !self.output.is_empty() {
                    let Some(sent) = would_block(Raw(&self.socket).write(&self.output))? else { break };
                    drop(self.output.split_to(sent));
                    moved = true;
                }
            }
            Some(tls) => loop {
                if !tls.is_handshaking() && !self.output.is_empty() {
                    let taken = tls.writer().write(&self.output)?;
                    drop(self.output.split_to(taken));
                    moved |= taken > 0;
                }
                if !tls.wants_write() {
                    break;
                }
                if would_block(tls.write_tls(&mut Raw(&self.socket)))?.is_none() {
                    break;
                }
                moved = true;
            },
        }
        Ok(moved)
    }

    /// Reads what has come; whether anything had.
    fn pull(&mut self) -> io::Result<bool> {
        let ended = || io::Error::from(ErrorKind::UnexpectedEof);
        let Some(tls) = &mut self.tls else {
            let before = self.input.len();
            self.input.resize(before + READ_AT_ONCE, 0);
            let room = self.input.get_mut(before..).unwrap_or_default();
            let come = would_block(Raw(&self.socket).read(room));
            let length = come.as_ref().map_or(0, |come| come.unwrap_or(0));
            self.input.truncate(before + length);
            return match come? {
                Some(0) => Err(ended()),
                come => Ok(come.is_some()),
            };
        };
        let come = would_block(tls.read_tls(&mut Raw(&self.socket)))?;
        if come == Some(0) {
            return Err(ended());
        }
        let state = tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let plain = state.plaintext_bytes_to_read();
        if plain > 0 {
            let before = self.input.len();
            self.input.resize(before + plain, 0);
            tls.reader().read_exact(self.input.get_mut(before..).unwrap_or_default())?;
        }
        Ok(come.is_some())
    }

    /// Sends everything. What comes meanwhile is kept: a server may not take more before it is heard.
    pub fn flush(&mut self, look: Look<'_>) -> io::Result<()> {
        let mut since = Instant::now();
        loop {
            let sent = self.push()?;
            let waits = !self.output.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write());
            if !waits {
                if self.output.capacity() > MOST_KEPT {
                    self.output = BytesMut::new();
                }
                return Ok(());
            }
            if sent || self.pull()? {
                since = Instant::now();
                continue;
            }
            self.pause(since, look)?;
        }
    }

    /// The next message.
    pub fn message(&mut self, look: Look<'_>) -> io::Result<Message> {
        let mut since = Instant::now();
        loop {
            if let Some(message) = self.parse()? {
                return Ok(message);
            }
            if self.pull()? {
                since = Instant::now();
                continue;
            }
            self.pause(since, look)?;
        }
    }

    /// One byte that is no message: the answer to whether there is TLS.
    pub fn byte(&mut self, look: Look<'_>) -> io::Result<u8> {
        let mut byte = [0];
        loop {
            match would_block(Raw(&self.socket).read(&mut byte))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(_) => return Ok(byte.first().copied().unwrap_or_default()),
                None => self.pause(Instant::now(), look)?,
            }
        }
    }

    /// Waits for the other end to hang up.
    pub fn end(&mut self, look: Look<'_>) -> io::Result<()> {
        loop {
            match self.pull() {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
                Ok(true) => self.input.clear(),
                Ok(false) => self.pause(Instant::now(), look)?,
            }
        }
    }

    fn parse(&mut self) -> io::Result<Option<Message>> {
        let length: Option<[u8; 4]> = self.input.get(1..5).and_then(|bytes| bytes.first_chunk()).copied();
        if length.is_some_and(|length| u32::from_be_bytes(length) as usize > LONGEST_MESSAGE) {
            return Err(io::Error::new(ErrorKind::InvalidData, "an answer is too long"));
        }
        let before = self.input.len();
        let parsed = Message::parse(&mut self.input)?;
        if before - self.input.len() > MOST_KEPT {
            // The message shares the memory of what follows it, which would keep all of that.
            self.input = BytesMut::from(&*self.input);
        }
        Ok(parsed)
    }

    fn pause(&self, since: Instant, look: Look<'_>) -> io::Result<()> {
        // Whatever has come is looked at before the clock.
        wait(&self.socket, self.wanted())?;
        look()?;
        let late = self.limit.is_some_and(|limit| since.elapsed() >= limit);
        if late && !self.is_readable()? {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    fn is_readable(&self) -> io::Result<bool> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut asked = [PollFd::new(&self.socket, self.wanted())];
        Ok(poll(&mut asked, Some(&now)).unwrap_or(0) > 0)
    }
}

fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

fn finish_connecting(socket: &OwnedFd, begun: rustix::io::Result<()>, look: Look<'_>) -> io::Result<()> {
    match begun {
        Ok(()) => return Ok(()),
        Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    loop {
        let slice = Timespec { tv_sec: 0, tv_nsec: i64::from(SLICE.subsec_nanos()) };
        let mut asked = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::OUT)];
        let ready = match poll(&mut asked, Some(&slice)) {
            Ok(ready) => ready > 0,
            Err(Errno::INTR) => false,
            Err(error) => return Err(error.into()),
        };
        if ready {
            return Ok(rustix::net::sockopt::socket_error(socket)??);
        }
        look()?;
    }
}
