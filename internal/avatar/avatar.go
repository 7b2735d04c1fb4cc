package avatar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

// Picture is what is kept and served.
type Picture = account.Picture

// Why a picture is not taken; faces know them by the names of package account.
var (
	ErrTooLarge   = account.ErrPictureTooLarge
	ErrFormat     = account.ErrPictureFormat
	ErrDimensions = account.ErrPictureDimensions
	ErrBusy       = account.ErrPictureBusy
)

// Store keeps pictures, one row for an account. Writes are durable when they return, and
// return session.ErrNotFound and account.ErrErased for an account that is not there; all
// methods return session.ErrUnavailable.
type Store interface {
	// SetPicture keeps a picture in place of the one from the same source; nil Bytes take
	// that one away. It tells whether what is shown of the account became another.
	SetPicture(ctx context.Context, now time.Time, accountID string, p account.Picture) (changed bool, err error)
	// TriedPicture keeps the outcome of an attempt, and with it what the picture became.
	TriedPicture(ctx context.Context, now time.Time, accountID string, try account.PictureTry, p *account.Picture) (changed bool, err error)
	// PictureOf returns what is shown of an account, without its bytes; Hash is "" where
	// there is none.
	PictureOf(ctx context.Context, accountID string) (account.Picture, error)
	// PictureByHash returns session.ErrNotFound for a hash that nobody has.
	PictureByHash(ctx context.Context, hash string) (account.Picture, error)
	// PictureTry returns the last attempt; it is zero where there was none.
	PictureTry(ctx context.Context, accountID string) (account.PictureTry, error)
}

// Options are what Avatars live on; all are required but Net.
type Options struct {
	Store    Store
	Logger   *slog.Logger
	Now      func() time.Time
	Settings func() Settings // asked for each picture
	Net      Net
}

// Avatars are people's pictures. They are safe for concurrent use.
type Avatars struct {
	o       Options
	decode  chan struct{} // one token for each that may decode
	queue   *queue
	uploads uploads
}

// decoders is how many pictures are decoded at once: one at the limits takes some 300 MB
// for a moment.
const decoders = 2

// New returns Avatars. Run must be running for pictures to be fetched.
func New(o Options) (*Avatars, error) {
	if o.Store == nil || o.Logger == nil || o.Now == nil || o.Settings == nil {
		return nil, errors.New("avatar: Store, Logger, Now and Settings are required")
	}
	return &Avatars{o: o, decode: make(chan struct{}, decoders), queue: newQueue()}, nil
}

// Set makes an upload the person's picture; it wins over the provider's. It returns
// ErrTooLarge, ErrFormat, ErrDimensions and ErrBusy for what is not taken.
func (a *Avatars) Set(ctx context.Context, now time.Time, accountID string, upload io.Reader) (Picture, error) {
	if !a.uploads.begin(accountID) {
		return Picture{}, fmt.Errorf("%w: as many uploads as there may be are under way", ErrBusy)
	}
	defer a.uploads.done(accountID)
	p, err := a.process(ctx, upload)
	if err != nil {
		return Picture{}, err
	}
	p.Source, p.UpdatedAt = account.PictureUpload, now
	if _, err := a.o.Store.SetPicture(ctx, now, accountID, p); err != nil {
		return Picture{}, fmt.Errorf("keeping a picture: %w", err)
	}
	return p, nil
}

// Clear takes the person's own picture away: the provider's is shown again, or none.
func (a *Avatars) Clear(ctx context.Context, now time.Time, accountID string) error {
	if _, err := a.o.Store.SetPicture(ctx, now, accountID, Picture{Source: account.PictureUpload}); err != nil {
		return fmt.Errorf("taking a picture away: %w", err)
	}
	return nil
}

// Of returns the hash and the source of what is shown of an account; "" where there is
// none, and an initial is shown.
func (a *Avatars) Of(ctx context.Context, accountID string) (hash, source string, err error) {
	p, err := a.o.Store.PictureOf(ctx, accountID)
	if err != nil {
		return "", "", fmt.Errorf("looking for a picture: %w", err)
	}
	return p.Hash, p.Source, nil
}

// ByHash returns a picture, or session.ErrNotFound.
func (a *Avatars) ByHash(ctx context.Context, hash string) (Picture, error) {
	if len(hash) != hashLength {
		return Picture{}, fmt.Errorf("picture: %w", session.ErrNotFound)
	}
	p, err := a.o.Store.PictureByHash(ctx, hash)
	if err != nil {
		return Picture{}, fmt.Errorf("reading a picture: %w", err)
	}
	return p, nil
}

// LastTry tells of the last attempt to have the provider's picture; it is zero where there
// was none.
func (a *Avatars) LastTry(ctx context.Context, accountID string) (account.PictureTry, error) {
	t, err := a.o.Store.PictureTry(ctx, accountID)
	if err != nil {
		return t, fmt.Errorf("reading the last attempt at a picture: %w", err)
	}
	return t, nil
}

// process makes a picture anew: a square of 256 pixels, PNG or JPEG, in which nothing but
// pixels of the first frame of r survives. At most decoders are at it at once. It returns
// ErrTooLarge, ErrFormat, ErrDimensions, ErrBusy, or what reading r failed with.
func (a *Avatars) process(ctx context.Context, r io.Reader) (Picture, error) {
	l := a.o.Settings().limits()
	// Read first: a sender who is slow holds no place.
	raw, err := readAll(r, l.Bytes)
	if err != nil {
		return Picture{}, err
	}
	return a.decoded(ctx, raw, l)
}

// decoded waits for its turn and makes a picture of what was read.
func (a *Avatars) decoded(ctx context.Context, raw []byte, l Limits) (Picture, error) {
	select {
	case a.decode <- struct{}{}:
	case <-ctx.Done():
		return Picture{}, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	defer func() { <-a.decode }()
	return remake(ctx, raw, l)
}
