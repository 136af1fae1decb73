//! The entry-point macro of lilypad-guest.
