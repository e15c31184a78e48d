//! Ends a command that runs forever once its output is no longer read, even while it has nothing to write.

use std::io;
use std::process;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};

/// Ends the process successfully when the reader of its output closes, as in `gslb events | head
/// -1`.
pub(super) fn ends() {
    // Without the thread, it ends at the next line.
    let _ = thread::Builder::new().name("broken-pipe".to_owned()).spawn(|| {
        if is_unread() {
            #[expect(clippy::disallowed_methods, reason = "the command has nothing to clean up")]
            process::exit(0);
        }
    });
}

/// Waits until standard output has no reader. Files never lose theirs.
fn is_unread() -> bool {
    let out = io::stdout();
    loop {
        let mut watched = [PollFd::new(&out, PollFlags::empty())];
        match poll(&mut watched, None) {
            Ok(_) => return watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
