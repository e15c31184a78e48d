//! Asks for confirmation on a terminal before something is changed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Whether there is a terminal to ask on.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks `question`; anything but yes means no.
///
/// # Errors
/// If the terminal cannot be read.
pub(super) fn confirmed(question: &str) -> io::Result<bool> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
