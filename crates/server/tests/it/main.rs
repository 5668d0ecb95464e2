//! The workbench from outside: real clients, real sockets, nothing but loopback.

mod captures;
mod document;
mod entry;
mod kit;
mod lan;
mod live;
mod talk;
