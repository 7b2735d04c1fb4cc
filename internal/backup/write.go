package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
)

// The members of a backup, in their order.
const (
	nameManifest = "manifest.json"
	nameSeal     = "seal"
	nameRoot     = "root.key"
	nameDatabase = "cardea.db"
)

// Draft is what a backup is made of. All but WithKey is required.
type Draft struct {
	Cardea   string // the program's version
	Schema   int64
	MadeAt   time.Time
	Counts   map[string]int64
	Keys     []keyring.WrappedKey
	Root     []byte   // seals the manifest
	WithKey  bool     // Root goes into the file
	Database *os.File // read twice, from its beginning
}

// Write writes a backup. Nothing has been written when the draft is at fault.
func Write(ctx context.Context, w io.Writer, d Draft) error {
	ring, err := Unlock(ctx, d.Root, d.Keys, d.MadeAt)
	if err != nil {
		return err
	}
	m := Manifest{Format: Format, Cardea: d.Cardea, Schema: d.Schema, MadeAt: d.MadeAt.UTC().Truncate(time.Second), Counts: d.Counts, RootKey: d.WithKey}
	for _, k := range d.Keys {
		m.DataKeys = append(m.DataKeys, DataKey{ID: k.ID, Wrapped: k.Wrapped, CreatedAt: k.CreatedAt})
	}
	if m.Database, err = measure(d.Database); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("making a manifest: %w", err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("making a manifest: %w", err)
	}
	seal, err := ring.Seal(sealPurpose, nameManifest, digest(text))
	if err != nil {
		return fmt.Errorf("sealing the manifest: %w", err)
	}
	t := tar.NewWriter(w)
	members := []struct {
		name string
		data []byte
	}{{nameManifest, text}, {nameSeal, seal}}
	if d.WithKey {
		members = append(members, struct {
			name string
			data []byte
		}{nameRoot, []byte(base64.StdEncoding.EncodeToString(d.Root) + "\n")})
	}
	for _, x := range members {
		if err := head(t, x.name, int64(len(x.data)), m.MadeAt); err != nil {
			return err
		}
		if _, err := t.Write(x.data); err != nil {
			return fmt.Errorf("writing the backup: %w", err)
		}
	}
	if err := head(t, nameDatabase, m.Database.Size, m.MadeAt); err != nil {
		return err
	}
	if _, err := io.Copy(t, contextReader{ctx, io.LimitReader(d.Database, m.Database.Size)}); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return nil
}

// measure reads file and leaves it at its beginning.
func measure(file *os.File) (Database, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Database{}, fmt.Errorf("reading the copy: %w", err)
	}
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return Database{}, fmt.Errorf("reading the copy: %w", err)
	}
	return Database{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

func head(t *tar.Writer, name string, size int64, at time.Time) error {
	err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatUSTAR})
	if errors.Is(err, tar.ErrHeader) { // 8 GiB is what a ustar header can say
		err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatPAX})
	}
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return nil
}

// contextReader stops between reads when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// PartSuffix ends the name of a file that is not finished. Only a process that was killed
// leaves one.
const PartSuffix = ".part"

// Save writes a backup to path by write, checks what was written, and then gives the file
// its name in one step: whatever happens, there is the whole new file at path, or what
// was there before. Its mode is 0600. A file at path that is no backup is not replaced.
func Save(ctx context.Context, path string, write func(io.Writer) error) (Manifest, error) {
	if err := Replaceable(path); err != nil {
		return Manifest{}, err
	}
	dir := filepath.Dir(path)
	part, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*"+PartSuffix) // mode 0600
	if err != nil {
		return Manifest{}, fmt.Errorf("writing a backup: %w", err)
	}
	defer os.Remove(part.Name())
	defer part.Close()
	if err := write(part); err != nil {
		return Manifest{}, err
	}
	if err := part.Sync(); err != nil {
		return Manifest{}, fmt.Errorf("writing a backup: %w", err)
	}
	f, err := Open(part.Name())
	if err != nil {
		return Manifest{}, fmt.Errorf("reading what was written: %w", err)
	}
	defer f.Close()
	if err := f.Database(ctx, io.Discard); err != nil {
		return Manifest{}, fmt.Errorf("reading what was written: %w", err)
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return Manifest{}, fmt.Errorf("writing a backup: %w", err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return Manifest{}, fmt.Errorf("writing a backup: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return Manifest{}, fmt.Errorf("writing a backup: %w", err)
	}
	return f.Manifest, nil
}

// Replaceable refuses a path at which there is something other than a backup.
func Replaceable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for %s: %w", path, err)
	}
	f := (*File)(nil)
	if info.Mode().IsRegular() {
		f, err = Open(path)
	}
	if f == nil {
		return errors.Join(fmt.Errorf("%s is there already and is not a backup of Cardea: it is not replaced", path), err)
	}
	f.Close()
	return nil
}
