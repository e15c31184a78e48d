//! What goes on for ever ends once nobody reads its output any more, also while there is nothing to write.

use std::io;
use std::process;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};

/// Has the process end, as one that has done what was asked, when the reader of its output goes: `gslb events | head
/// -1`.
pub(super) fn ends() {
    // Without the thread it ends at the next line.
    let _ = thread::Builder::new().name("broken-pipe".to_owned()).spawn(|| {
        if is_unread() {
            #[expect(clippy::disallowed_methods, reason = "the command holds nothing that must be given back")]
            process::exit(0);
        }
    });
}

/// Waits until nobody can read any more what is written to the standard output. Files are never without a reader.
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
