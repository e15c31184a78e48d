//! The real binary, asked by real programs: what only sockets, files, signals and other people's parsers can show.

mod access;
mod change;
mod check;
mod databases;
mod demo;
mod explained;
mod geography;
mod interop;
mod kills;
mod listen;
mod loops;
mod older;
mod reload;
mod sites;
mod stop;
mod store;
