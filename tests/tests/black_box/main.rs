//! The real binary, asked by real programs: what only sockets, files, signals and other people's parsers can show.

mod access;
mod alertmanager;
mod change;
mod check;
mod databases;
mod demo;
mod deployment;
mod described;
mod doubt;
mod explained;
mod failover;
mod geography;
mod interop;
mod kills;
mod listen;
mod logs;
mod loops;
mod monitoring;
mod notify;
mod older;
mod reload;
mod sample;
mod sites;
mod stop;
mod store;
