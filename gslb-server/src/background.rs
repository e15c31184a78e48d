//! Work that may wait: threads that compile tables or serve HTTP let those that answer go first.

/// What the niceness of a thread grows by; answering has nine times its share where both want the same core.
const NICENESS: i32 = 10;

/// Has the calling thread, and no other, let threads of ordinary priority go first.
pub fn enter() {
    // Everyone may be nicer. Where the system says no, the work is done all the same.
    let _ = rustix::process::nice(NICENESS);
}
