package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

// Pictures are durable, and bounded.
type Pictures interface {
	SetPicture(ctx context.Context, now time.Time, accountID string, p account.Picture) (changed bool, err error)
	TriedPicture(ctx context.Context, now time.Time, accountID string, try account.PictureTry, p *account.Picture) (changed bool, err error)
	PictureOf(ctx context.Context, accountID string) (account.Picture, error)
	PictureByHash(ctx context.Context, hash string) (account.Picture, error)
	PictureTry(ctx context.Context, accountID string) (account.PictureTry, error)
}

func picture(name, source string) account.Picture {
	return account.Picture{Hash: name + strings.Repeat("h", 43-len(name)), Type: "image/png", Bytes: []byte("\x89PNG of " + name), Source: source, UpdatedAt: epoch}
}

// head is a picture without its bytes.
func head(p account.Picture) account.Picture {
	p.Bytes = nil
	return p
}

// trying is an attempt with every field set.
func trying(address string) account.PictureTry {
	return account.PictureTry{Provider: "main", Address: address, At: epoch, Error: "timed out"}
}

func picturePromises() []promise {
	return []promise{
		{"the person's picture wins over the provider's, which is shown again when it goes", checkPictures},
		{"a failed attempt is told and takes no picture away", func(b *bench) {
			acc, own := b.admitted("ann"), picture("theirs", account.PictureProvider)
			b.shows(acc, account.Picture{})
			last, err := b.PictureTry(b.ctx, acc.ID)
			b.ok(err)
			b.equal(last, account.PictureTry{})
			for i, p := range []*account.Picture{nil, &own, nil} {
				try := trying(fmt.Sprint("address", i))
				changed, err := b.TriedPicture(b.ctx, epoch, acc.ID, try, p)
				b.ok(err)
				b.equal(changed, p != nil)
				last, err = b.PictureTry(b.ctx, acc.ID)
				b.ok(err)
				b.equal(last, try)
			}
			b.shows(acc, own)
			changed, err := b.TriedPicture(b.ctx, epoch, acc.ID, account.PictureTry{Provider: "main", At: epoch}, &account.Picture{Source: account.PictureProvider})
			b.ok(err)
			b.equal(changed, true)
			b.shows(acc, account.Picture{})
		}},
		{"a picture that two people have stays with the one when the other is erased", func(b *bench) {
			ann, bob, same := b.admitted("ann"), b.admitted("bob"), picture("same", account.PictureProvider)
			for _, acc := range []account.Account{ann, bob} {
				_, err := b.TriedPicture(b.ctx, epoch, acc.ID, trying("x"), &same)
				b.ok(err)
			}
			own := picture("own", account.PictureUpload)
			_, err := b.SetPicture(b.ctx, epoch, ann.ID, own)
			b.ok(err)
			b.ok(b.MarkErasing(b.ctx, epoch, ann.ID))
			_, err = b.SetPicture(b.ctx, epoch, ann.ID, picture("late", account.PictureUpload))
			b.is(err, account.ErrErased)
			b.ok(b.Erase(b.ctx, epoch, ann.ID))
			_, err = b.PictureByHash(b.ctx, own.Hash)
			b.is(err, session.ErrNotFound)
			got, err := b.PictureByHash(b.ctx, same.Hash)
			b.ok(err)
			b.equal(got, same)
			_, err = b.TriedPicture(b.ctx, epoch, ann.ID, trying("x"), &same)
			b.is(err, account.ErrErased)
			b.shows(ann, account.Picture{})
			last, err := b.PictureTry(b.ctx, ann.ID)
			b.ok(err)
			b.equal(last, account.PictureTry{})
		}},
		{"what is too large, or nobody's, is not kept", func(b *bench) {
			acc, large := b.admitted("ann"), picture("large", account.PictureUpload)
			large.Bytes = bytes.Repeat([]byte("x"), account.MaxPicture+1)
			_, err := b.SetPicture(b.ctx, epoch, acc.ID, large)
			b.is(err, account.ErrPictureTooLarge)
			large.Bytes = large.Bytes[1:]
			_, err = b.SetPicture(b.ctx, epoch, acc.ID, large)
			b.ok(err)
			_, err = b.SetPicture(b.ctx, epoch, "nobody", picture("x", account.PictureUpload))
			b.is(err, session.ErrNotFound)
			for _, hash := range []string{"", "x", "' OR 1=1 --", strings.Repeat("x", 4096)} {
				_, err := b.PictureByHash(b.ctx, hash)
				b.is(err, session.ErrNotFound)
			}
		}},
	}
}

// shows demands what is shown of an account, and that it can be had.
func (b *bench) shows(acc account.Account, want account.Picture) {
	b.Helper()
	got, err := b.PictureOf(b.ctx, acc.ID)
	b.ok(err)
	b.equal(got, head(want))
	if want.Hash != "" {
		got, err = b.PictureByHash(b.ctx, want.Hash)
		b.ok(err)
		b.equal(got, want)
	}
}

func checkPictures(b *bench) {
	acc, theirs, own := b.admitted("ann"), picture("theirs", account.PictureProvider), picture("own", account.PictureUpload)
	another := picture("another", account.PictureUpload)
	set := func(p account.Picture, changes bool) {
		b.Helper()
		changed, err := b.SetPicture(b.ctx, epoch, acc.ID, p)
		b.ok(err)
		b.equal(changed, changes)
	}
	try := func(p account.Picture, changes bool) {
		b.Helper()
		changed, err := b.TriedPicture(b.ctx, epoch, acc.ID, trying("x"), &p)
		b.ok(err)
		b.equal(changed, changes)
	}
	set(account.Picture{Source: account.PictureUpload}, false)
	try(theirs, true)
	b.shows(acc, theirs)
	try(theirs, false)
	set(own, true)
	b.shows(acc, own)
	try(picture("newer", account.PictureProvider), false)
	b.shows(acc, own)
	set(another, true)
	_, err := b.PictureByHash(b.ctx, own.Hash)
	b.is(err, session.ErrNotFound)
	set(account.Picture{Source: account.PictureUpload}, true)
	b.shows(acc, picture("newer", account.PictureProvider))

	events, err := b.AuditEvents(b.ctx, audit.Filter{Account: acc.ID, Types: []audit.Type{audit.AvatarChanged}})
	b.ok(err)
	var told []string
	for _, e := range events {
		told = append(told, strings.Join([]string{e.Actor, e.Cause, e.Detail["source"], e.Detail["hash"][:3], e.Provider}, " "))
		if e.Handle != acc.Handle {
			b.Errorf("%+v", e)
		}
	}
	b.equal(told, []string{"gateway fetched provider the main", "person set upload own ", "person set upload ano ", "person cleared provider new "})
}

// SetPicture is the store's, as the faults allow.
func (f *Faulty) SetPicture(ctx context.Context, now time.Time, id string, p account.Picture) (bool, error) {
	return called(ctx, f, "SetPicture", func() (bool, error) { return f.store.SetPicture(ctx, now, id, p) })
}

// TriedPicture is the store's, as the faults allow.
func (f *Faulty) TriedPicture(ctx context.Context, now time.Time, id string, try account.PictureTry, p *account.Picture) (bool, error) {
	return called(ctx, f, "TriedPicture", func() (bool, error) { return f.store.TriedPicture(ctx, now, id, try, p) })
}

// PictureOf is the store's, as the faults allow.
func (f *Faulty) PictureOf(ctx context.Context, id string) (account.Picture, error) {
	return called(ctx, f, "PictureOf", func() (account.Picture, error) { return f.store.PictureOf(ctx, id) })
}

// PictureByHash is the store's, as the faults allow.
func (f *Faulty) PictureByHash(ctx context.Context, hash string) (account.Picture, error) {
	return called(ctx, f, "PictureByHash", func() (account.Picture, error) { return f.store.PictureByHash(ctx, hash) })
}

// PictureTry is the store's, as the faults allow.
func (f *Faulty) PictureTry(ctx context.Context, id string) (account.PictureTry, error) {
	return called(ctx, f, "PictureTry", func() (account.PictureTry, error) { return f.store.PictureTry(ctx, id) })
}

// pictureCalls are calls of every method of Pictures.
func pictureCalls() []Call {
	unknown := func(err error) error {
		if !errors.Is(err, session.ErrNotFound) {
			return fmt.Errorf("nobody's picture: %w", err)
		}
		return nil
	}
	return []Call{
		read("PictureOf", func(ctx context.Context, st Store) error { _, err := st.PictureOf(ctx, "nobody"); return err }),
		read("PictureTry", func(ctx context.Context, st Store) error { _, err := st.PictureTry(ctx, "nobody"); return err }),
		read("PictureByHash", func(ctx context.Context, st Store) error {
			_, err := st.PictureByHash(ctx, "nobody")
			return unknown(err)
		}),
		write("SetPicture", func(ctx context.Context, st Store) error {
			_, err := st.SetPicture(ctx, epoch, "nobody", picture("x", account.PictureUpload))
			return unknown(err)
		}),
		write("TriedPicture", func(ctx context.Context, st Store) error {
			_, err := st.TriedPicture(ctx, epoch, "nobody", trying("x"), nil)
			return unknown(err)
		}),
	}
}
