package acceptance

import "testing"

// TestIdle runs what mostly waits side by side.
func TestIdle(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"X5_IdleSocketOutlivesTheGatewaysTimeouts":                     idleSocket,
		"Page_WarnsBeforeTheLimit_OneClickStays_AndLeavesWhenItIsOver": idleLimit,
		"J5_ShortTokens_TheNotebookStaysConnected":                     shortTokensAtTheHub,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}
