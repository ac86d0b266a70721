//! A forwarder between a client and a server, which does something to the connections when so many bytes have passed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the client sends to make its changes durable.
const COMMIT: [&[u8]; 2] = [b"\x07\0\0\0\x03COMMIT", b"Q\0\0\0\x0bCOMMIT\0"];

/// A way through the forwarder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When so many bytes have passed on this way, of all connections together.
    Bytes(Way, u64),
    /// When the client sends COMMIT, before the server gets it.
    BeforeCommit,
    /// After the server got it.
    AfterCommit,
    /// When the server has answered it, before the client knows.
    Committed,
}

/// What happens.
pub enum Fault {
    /// Every connection ends, and no new one comes about until [`Proxy::heal`].
    Cut,
    /// Something is done, and everything goes on.
    Do(Box<dyn FnOnce() + Send>),
}

#[derive(Default)]
struct State {
    passed: [u64; 2],
    planned: Option<(Moment, Fault)>,
    struck: bool,
    cut: bool,
    open: Vec<(TcpStream, UnixStream)>,
}

struct Shared {
    server: PathBuf,
    state: Mutex<State>,
    ended: AtomicBool,
}

/// The forwarder: a port of 127.0.0.1 to a server's socket.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

impl State {
    fn close(&mut self) {
        for (client, server) in self.open.drain(..) {
            let _closed_already = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        }
    }

    /// What happens now, if it is planned for such a moment.
    fn take(&mut self, now: impl Fn(Moment) -> bool) -> Option<(Moment, Fault)> {
        let planned = self.planned.take_if(|(moment, _)| now(*moment));
        self.struck |= planned.is_some();
        planned
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is planned for this moment; whether the connections go on.
    fn reach(&self, now: Moment) -> bool {
        let fault = self.state().take(|moment| moment == now);
        fault.is_none_or(|(_, fault)| self.strike(fault))
    }

    fn strike(&self, fault: Fault) -> bool {
        match fault {
            Fault::Cut => {
                let mut state = self.state();
                state.cut = true;
                state.close();
                false
            }
            Fault::Do(act) => {
                act();
                true
            }
        }
    }
}

impl Proxy {
    /// Forwards to the server's socket.
    pub fn start(server: &Path) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { server: server.to_owned(), state, ended: AtomicBool::new(false) });
        let forwarder = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if forwarder.ended.load(Ordering::Relaxed) {
                    return;
                }
                connect(&forwarder, client);
            }
        });
        Proxy { port, shared }
    }

    /// Counts from zero, and does this when the moment comes.
    pub fn plan(&self, moment: Moment, fault: Fault) {
        let mut state = self.shared.state();
        state.passed = [0, 0];
        state.struck = false;
        state.planned = Some((moment, fault));
    }

    /// Counts from zero and only forwards.
    pub fn count(&self) {
        let mut state = self.shared.state();
        *state = State { open: std::mem::take(&mut state.open), ..State::default() };
    }

    /// The bytes that have passed.
    pub fn passed(&self, way: Way) -> u64 {
        self.shared.state().passed[way as usize]
    }

    /// Lets connections through again. Whether the moment came.
    pub fn heal(&self) -> bool {
        let mut state = self.shared.state();
        state.cut = false;
        state.planned = None;
        state.struck
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.shared.state().close();
        // Wakes the thread that listens.
        let _gone_already = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) {
    let mut state = shared.state();
    if state.cut {
        return;
    }
    let Ok(server) = UnixStream::connect(&shared.server) else { return };
    client.set_nodelay(true).expect("an option");
    let copies = |client: &TcpStream, server: &UnixStream| {
        (client.try_clone().expect("a descriptor"), server.try_clone().expect("a descriptor"))
    };
    let ((up_from, up_to), (down_to, down_from)) = (copies(&client, &server), copies(&client, &server));
    state.open.push((client, server));
    drop(state);
    // What one thread of the connection tells the other: COMMIT was sent.
    let talk = Arc::new(AtomicBool::new(false));
    let (here, there) = (Arc::clone(shared), Arc::clone(shared));
    let (said, heard) = (Arc::clone(&talk), talk);
    std::thread::spawn(move || pump(&here, Way::ToServer, &said, up_from, up_to));
    std::thread::spawn(move || pump(&there, Way::ToClient, &heard, down_from, down_to));
}

/// Forwards what comes on one way until the connection ends.
fn pump(shared: &Shared, way: Way, committing: &AtomicBool, mut from: impl Read + Ends, mut to: impl Write + Ends) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !forward(shared, way, committing, &buffer[..length], &mut to) {
            break;
        }
    }
    from.end();
    to.end();
}

/// Whether the connection goes on.
fn forward(shared: &Shared, way: Way, committing: &AtomicBool, bytes: &[u8], to: &mut impl Write) -> bool {
    let sent = |commit: &&[u8]| bytes.windows(commit.len()).any(|window| window == *commit);
    let commits = way == Way::ToServer && COMMIT.iter().any(sent);
    if commits {
        committing.store(true, Ordering::SeqCst);
    }
    let answers = way == Way::ToClient && committing.swap(false, Ordering::SeqCst);
    if commits && !shared.reach(Moment::BeforeCommit) || answers && !shared.reach(Moment::Committed) {
        return false;
    }
    let mut state = shared.state();
    let before = state.passed[way as usize];
    let after = before + bytes.len() as u64;
    state.passed[way as usize] = after;
    let reached = state.take(|moment| matches!(moment, Moment::Bytes(on, count) if on == way && after > count));
    drop(state);
    if let Some((Moment::Bytes(_, count), fault)) = reached {
        // What comes before the moment arrives.
        let arrives = usize::try_from(count.saturating_sub(before)).expect("a length").min(bytes.len());
        if to.write_all(&bytes[..arrives]).is_err() || !shared.strike(fault) || to.write_all(&bytes[arrives..]).is_err()
        {
            return false;
        }
    } else if to.write_all(bytes).is_err() {
        return false;
    }
    !commits || shared.reach(Moment::AfterCommit)
}

/// What can be closed on both ways.
trait Ends {
    fn end(&self);
}

impl Ends for TcpStream {
    fn end(&self) {
        let _closed_already = self.shutdown(Shutdown::Both);
    }
}

impl Ends for UnixStream {
    fn end(&self) {
        let _closed_already = self.shutdown(Shutdown::Both);
    }
}
