//! The real binary, asked by real programs: what only sockets, files, signals and other people's parsers can show.

mod access;
mod change;
mod check;
mod databases;
mod demo;
mod geography;
mod interop;
mod listen;
mod loops;
mod reload;
mod sample;
mod sites;
mod stop;
mod store;
