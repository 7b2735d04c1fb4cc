package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/people"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/web"
)

// personal is what the pages of persons keep over reloads: forms that are open and pages
// that watch outlive a configuration.
type personal struct {
	formKey []byte
	watch   *web.Watchers
}

func (a *App) makePersonal(context.Context) error {
	key, err := a.storage.keys.Derive("account form")
	if err != nil {
		return err
	}
	a.personal = personal{formKey: key, watch: web.NewWatchers()}
	return nil
}

// personalPage is the page of a person under one generation.
func (a *App) personalPage(g *generation) *web.PersonalPage {
	return &web.PersonalPage{
		Store: a.storage.store, People: unlinker{a.people}, Others: a.signOut, Pictures: a.avatars,
		MaxPicture: pictureSettings(g).MaxBytes, FormKey: a.personal.formKey, Watch: a.personal.watch,
	}
}

// unlinker says in web's words that something is left to end.
type unlinker struct{ people *people.People }

func (u unlinker) Unlink(ctx context.Context, accountID, key, actor, by string) (account.Identity, signout.Sum, error) {
	i, sum, err := u.people.Unlink(ctx, accountID, key, actor, by)
	if errors.Is(err, people.ErrUnfinished) {
		err = fmt.Errorf("%w: %w", web.ErrUnfinished, err)
	}
	return i, sum, err
}
