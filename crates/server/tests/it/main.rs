//! The workbench from outside: real clients, real sockets, nothing but loopback.

mod document;
