// Package backup is the file that "cardea backup" writes: a tar archive (POSIX ustar)
// with, in this order,
//
//	manifest.json  what the file is, when and by which version it was made, and the
//	               SHA-256 of the database
//	seal           the manifest's SHA-256, sealed under the gateway's data keys
//	root.key       the root key in base64, only where that was asked for
//	cardea.db      the database
//
// The manifest comes first, so that a file that cannot be restored is refused before it is
// read whole. The seal tells a wrong root key at once, and a file that somebody without
// the root key made or changed: accounts could otherwise be given to others by whoever
// can write where backups are kept.
//
// It owns the format, its checks, and that a file appears whole or not at all. What is in
// the database, and how it is put in place, is the store's business.
package backup
