package config

import (
	"path/filepath"
	"time"
)

// audit checks how long events are kept, and that their file is nothing else's.
func (c *checker) audit() {
	a := &c.cfg.Audit
	c.when(a.Keep < 24*time.Hour, "audit.keep", "is less than a day, in which nobody would look at what happened",
		"write 1d or more; to keep events for ever, a very long time such as 36500d (100 years)")
	if a.File == "" {
		c.when(c.positions.Has("audit.file"), "audit.file", "is empty", "write a path such as /var/log/cardea/audit.jsonl, or remove the key")
		return
	}
	a.File = absolute(c.folder, a.File)
	for _, other := range []struct{ name, path string }{
		{"store.sqlite.path", c.cfg.Store.SQLite.Path}, {"keys.root_file", c.cfg.Keys.RootFile}, {"the configuration itself", c.cfg.File},
		{"the gateway's lock", filepath.Join(c.cfg.DataDir, "lock")},
	} {
		c.when(a.File == other.path, "audit.file", "is the same file as "+other.name, "write a path of its own, such as /var/log/cardea/audit.jsonl")
	}
}
