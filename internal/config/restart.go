package config

import "strings"

// takes says of every key whether a running gateway takes another value over; true of a
// section is true of everything below it that has no entry of its own. What is false
// stands for something that is open, locked or registered elsewhere: a listener, the data
// folder, the key that everything is sealed under, the address that providers send people
// back to.
var takes = map[string]bool{
	"public_url": false,
	"listen":     false,
	"data_dir":   false,
	"providers":  true,
	"apps":       true,
	"access":     true,

	"avatars.fetch":     true,
	"avatars.max_bytes": true,

	"ops.listen":       false,
	"admin.listen":     false,
	"admin.url":        true,
	"admin.token_file": true,
	"admin.token_env":  true,
	"admin.tls":        false, // whether there is one; its files are read anew

	"admin.tls.cert_file": true,
	"admin.tls.key_file":  true,

	"store.sqlite.path": false,
	"trusted_proxies":   true,
	"tls":               false, // as for admin.tls
	"tls.cert_file":     true,
	"tls.key_file":      true,
	"keys.root_file":    false,
	"keys.root_env":     false,
	"insecure_http":     true,
	"log.level":         true,
	"log.format":        true,
	"audit.keep":        true,
	"audit.file":        true,

	"limits.header_bytes":     false, // the listeners have it
	"limits.refresh_failing":  true,
	"limits.outbox_retry":     true,
	"limits.store_wait":       true,
	"limits.store_cut_off":    true,
	"limits.upstream_connect": true,
	"limits.shutdown":         true,
}

// NeedsRestart reports whether another value of the key at a path counts only after a
// restart. A path within a section that is taken over as a whole needs none; one that is
// not known needs one.
func NeedsRestart(path string) bool {
	for {
		if live, known := takes[path]; known {
			return !live
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return true
		}
		path = path[:i]
	}
}
