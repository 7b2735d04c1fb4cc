package acceptance

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// Where things are on Chainlit's pages.
const (
	continueWith = "//button[contains(.,'Continue with')]"
	chatInput    = "#chat-input"
	chatSubmit   = "#chat-submit"
	userMenu     = "#user-nav-button"
	logoutItem   = "//*[@role='menuitem'][contains(.,'Logout')]"
)

// chatLogout is Chainlit's own Logout: the person's menu, then the entry. A click on a
// menu that still moves can miss, so it is repeated until the menu is gone; by then a
// click that was slow to be heard may have taken it away.
func chatLogout(tab *harness.Tab) {
	tab.Click(userMenu)
	tab.Click(logoutItem)
	for range 5 {
		if harness.Poll(2*time.Second, func() bool { return !tab.Has(logoutItem) }) {
			return
		}
		tab.TryClick(logoutItem)
	}
}

// chatSay types a message, sends it, and waits for the chat's answer.
func chatSay(tab *harness.Tab, person, text string) {
	tab.Type(chatInput, text)
	tab.Click(chatSubmit)
	answer := person + " said " + text
	tab.Until(patient, "the chat's answer to "+text, func() bool { return strings.Contains(tab.Text(), answer) })
}

// headerSignIns returns the header sign-ins that named a person.
func headerSignIns(t *testing.T, user string) []harness.ChainlitEvent {
	t.Helper()
	var out []harness.ChainlitEvent
	for _, event := range chat.Events(t) {
		if event.Event == "header" && event.Headers["x-forwarded-user"] == user {
			out = append(out, event)
		}
	}
	return out
}
