//! NTFS: tests follow.
