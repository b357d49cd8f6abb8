//! Orders of support, from what comes to what is told.
