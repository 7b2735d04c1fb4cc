package acceptance

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// TestJupyterLab_OpenPageLeavesWithinASecond: JupyterLab stands open in Chromium and the
// session ends elsewhere. The page leaves for the signed-out page by itself. Half a
// second is allowed on top, for two cores that run everything at once.
func TestJupyterLab_OpenPageLeavesWithinASecond(t *testing.T) {
	for _, by := range []string{"button on another page", "operator"} {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t, onHub(t))
			tab := w.inLab(t, "alice")
			other := tab.NewTab()
			other.Go(w.URL + "/hub/home")
			other.Wait("#logout")
			const slack = 500 * time.Millisecond

			ended := w.whenEnded(t, "alice")
			if by == "operator" {
				ids := w.SessionIDs(t, "alice")
				if _, err := w.Command("sessions", "end", ids[0]); err != nil {
					t.Fatal(err)
				}
			} else {
				elsewhere := env.NewPerson(t, "alice", nil)
				session, _ := w.CookieName()
				value := tab.Cookies(w.URL)[session]
				elsewhere.Jar.SetCookies(parse(t, w.URL), []*http.Cookie{{Name: session, Value: value}})
				if _, err := elsewhere.TrySignOut(w.URL); err != nil {
					t.Fatal(err)
				}
			}
			for name, page := range map[string]*harness.Tab{"JupyterLab": tab, "the hub's page": other} {
				page.Until(patient, "the signed-out page in place of "+name, func() bool { return w.onSignedOutPage(page) })
				demandWithin(t, name+" left", ended(), page.Navigated(), time.Second+slack)
			}
		})
	}
}

// TestJupyterLab_UnsavedWorkKeepsNoPage: Chromium asks before it leaves a page with
// unsaved changes, and would keep it for whoever comes next. Nobody is asked here: the
// session is over, and nothing could be saved any more.
func TestJupyterLab_UnsavedWorkKeepsNoPage(t *testing.T) {
	w := newWorld(t, onHub(t))
	tab := w.inLab(t, "carol") // her notebook is open again whenever she comes back
	draft := filepath.Join(hub(t).Home("carol"), "draft.ipynb")
	if err := os.WriteFile(draft, []byte(emptyNotebook), 0o600); err != nil {
		t.Fatal(err)
	}
	tab.Go(w.URL + "/user/carol/lab/tree/draft.ipynb")
	tab.Wait(cell)
	tab.Click(cell)
	if !dirtied(tab) {
		t.Fatal("JupyterLab would not ask before leaving, so that this proves nothing")
	}
	time.Sleep(6 * time.Second) // for the page it looked like a navigation that is under way

	ids := w.SessionIDs(t, "carol")
	ended := w.whenEnded(t, "carol")
	if _, err := w.Command("sessions", "end", ids[0]); err != nil {
		t.Fatal(err)
	}
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	demandWithin(t, "the page left", ended(), tab.Navigated(), 1500*time.Millisecond) // as above
}

const cell = ".jp-Notebook .cm-content"

// dirtied types into the notebook until JupyterLab asks before its page is left. What
// is typed before it has read the notebook through does not count; after saving, what
// is typed does.
func dirtied(tab *harness.Tab) bool {
	for range 5 {
		tab.Type(cell, "secret_of_carol = 1;")
		if harness.Poll(3*time.Second, func() bool { return asksBeforeLeaving(tab) }) {
			return true
		}
		tab.Click(".jp-NotebookPanel-toolbar [data-command='docmanager:save']")
		harness.Poll(3*time.Second, func() bool { return !tab.Has(".lm-TabBar .jp-mod-dirty") })
	}
	return false
}

// asksBeforeLeaving is what the browser would find when it left the page.
func asksBeforeLeaving(tab *harness.Tab) bool {
	tab.Run(`(e => {
		e.initEvent('beforeunload', false, true);
		window.dispatchEvent(e);
		document.body.dataset.asks = e.returnValue !== '';
	})(document.createEvent('BeforeUnloadEvent'))`)
	return tab.Has("body[data-asks='true']")
}

const emptyNotebook = `{"cells":[{"cell_type":"code","id":"one","execution_count":null,"metadata":{},"outputs":[],"source":[]}],
"metadata":{"kernelspec":{"display_name":"Python 3","language":"python","name":"python3"},"language_info":{"name":"python"}},
"nbformat":4,"nbformat_minor":5}`
