//! What an exception that nobody caught means.
