package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
)

// The most that members other than the database may hold, in bytes.
const (
	maxManifest = 4 << 20
	maxSmall    = 4 << 10
)

// File is an open backup.
type File struct {
	Manifest Manifest
	file     *os.File
	text     []byte // of the manifest
	seal     []byte
	root     []byte
}

// Open reads what precedes the database in the backup at path, and checks that. It
// returns ErrForeign for another kind of file and ErrDamaged for a backup that was changed
// or cut short there.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a backup: %w", err)
	}
	f := &File{file: file}
	if _, err := f.start(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// start reads from the beginning up to the database, and returns a reader of that.
func (f *File) start() (io.Reader, error) {
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading a backup: %w", err)
	}
	t := tar.NewReader(f.file)
	text, err := member(t, nameManifest, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if f.text != nil && !bytes.Equal(f.text, text) { // what was checked is what counts
		return nil, fmt.Errorf("%w: it changed while it was read", ErrDamaged)
	}
	f.text, f.Manifest = text, Manifest{}
	if err := json.Unmarshal(text, &f.Manifest); err != nil {
		return nil, fmt.Errorf("%w: its manifest cannot be read", ErrDamaged)
	}
	if err := f.Manifest.check(); err != nil {
		return nil, err
	}
	if f.seal, err = member(t, nameSeal, maxSmall); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if f.Manifest.RootKey {
		text, err := member(t, nameRoot, maxSmall)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if f.root, err = keyring.ParseRoot(string(text)); err != nil {
			return nil, fmt.Errorf("%w: its root key cannot be read", ErrDamaged)
		}
	}
	h, err := t.Next()
	if err != nil || h.Name != nameDatabase || h.Typeflag != tar.TypeReg || h.Size != f.Manifest.Database.Size {
		return nil, fmt.Errorf("%w: there is no database of the size that its manifest says", ErrDamaged)
	}
	return t, nil
}

// member reads the next member, which must be a plain file of this name.
func member(t *tar.Reader, name string, most int64) ([]byte, error) {
	h, err := t.Next()
	if err != nil {
		return nil, fmt.Errorf("there is no %s", name)
	}
	if h.Name != name || h.Typeflag != tar.TypeReg || h.Size > most {
		return nil, fmt.Errorf("there is no %s where it should be", name)
	}
	data := make([]byte, h.Size)
	if _, err := io.ReadFull(t, data); err != nil {
		return nil, fmt.Errorf("%s is cut short", name)
	}
	return data, nil
}

// Root returns the root key that is in the file, or nil.
func (f *File) Root() []byte { return f.root }

// Authentic tells whether a gateway with this root key made the manifest as it is: the
// error says whether the key is another's or the file was changed.
func (f *File) Authentic(ctx context.Context, root []byte, now time.Time) error {
	ring, err := Unlock(ctx, root, f.Manifest.keys(), now)
	if err != nil {
		return err
	}
	sum, err := ring.Unseal(sealPurpose, nameManifest, f.seal)
	if err != nil || !bytes.Equal(sum, digest(f.text)) {
		return fmt.Errorf("%w: its manifest is not the one that was sealed when it was made", ErrDamaged)
	}
	return nil
}

// Database copies the database to w and returns ErrDamaged when it is not the one that
// the manifest says.
func (f *File) Database(ctx context.Context, w io.Writer) error {
	r, err := f.start()
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), contextReader{ctx, r})
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it is cut short", ErrDamaged)
	case err != nil:
		return fmt.Errorf("reading the backup: %w", err)
	case n != f.Manifest.Database.Size || hex.EncodeToString(sum.Sum(nil)) != f.Manifest.Database.SHA256:
		return fmt.Errorf("%w: the database in it is not the one that its manifest says (SHA-256)", ErrDamaged)
	}
	return nil
}
