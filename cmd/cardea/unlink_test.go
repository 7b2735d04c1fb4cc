package main

import (
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/admin"
)

func TestAnUnlinkingSaysWhatEndedAndWhatIsLeft(t *testing.T) {
	for _, tc := range []struct {
		act  admin.AccountAct
		want string
	}{
		{admin.AccountAct{Handle: "ann", Finished: true, Ended: 2}, "the identity is not ann's any more; 2 session(s) ended\n"},
		{admin.AccountAct{Handle: "ann\x1b[2J", Ended: 1}, "the gateway does the rest as soon as it can\n"},
	} {
		var out strings.Builder
		if err := unlinkText(&out, tc.act); err != nil || !strings.Contains(out.String(), tc.want) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}
