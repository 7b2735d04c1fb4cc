package sqlite_test

import (
	"testing"

	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
	"github.com/cardea-auth/cardea/internal/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return sqlitetest.Open(t) })
}
