package harness

import (
	"context"
	"errors"
	"fmt"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/chromedp"
)

// errNotThere: the page shows no such thing to assistive technology.
var errNotThere = errors.New("nothing of that name and role")

// Offers reports whether the page offers a thing by role and name, as assistive
// technology sees it; closed shadow trees are no obstacle.
func (b *Tab) Offers(role, name string) bool {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err := named(ctx, role, name)
	return err == nil
}

// Press clicks what the page offers by role and name.
func (b *Tab) Press(role, name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	node, err := named(ctx, role, name)
	if err != nil {
		b.fail("pressing "+name, err)
	}
	box, err := chromedp.Call(ctx, dom.GetBoxModel, dom.GetBoxModelParams{BackendNodeID: node})
	if err != nil || len(box.Model.Content) < 8 {
		b.fail("finding where "+name+" is", fmt.Errorf("no box: %w", err))
	}
	q := box.Model.Content
	b.do("pressing "+name, chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2))
}

func named(ctx context.Context, role, name string) (cdp.BackendNodeID, error) {
	root, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return 0, err
	}
	res, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{
		NodeID: root.Root.NodeID, AccessibleName: name, Role: role,
	})
	if err != nil {
		return 0, err
	}
	for _, n := range res.Nodes {
		if !n.Ignored {
			return n.BackendDOMNodeID, nil
		}
	}
	return 0, errNotThere
}
