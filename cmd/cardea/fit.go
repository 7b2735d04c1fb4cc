package main

import (
	"io"
	"os"
	"syscall"
	"unsafe"

	"github.com/spf13/cobra"
)

// yield says how a column gives way where a terminal is too narrow for a table: it is
// cut down to least columns, or with 0 never cut, as ids are of no use in parts; where
// that does not do it is left out.
type yield struct {
	heading string
	least   int
}

// newTable is a table that fits the terminal that out is; anything else has no width, and
// programs get everything. Columns give way in the order of yields; others never do.
func newTable(out io.Writer, yields ...yield) *table {
	return &table{screen: screenOf(out), yields: yields}
}

// screenOf is how many columns a terminal shows; 0 where out is none.
func screenOf(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	var size struct{ rows, columns, x, y uint16 } // struct winsize of ioctl_tty(2)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0
	}
	return int(size.columns)
}

// whole is an output that tables are not fitted to.
type whole struct{ io.Writer }

// wideFlag lets tables be wider than the terminal.
func (r *reach) wideFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.wide, "wide", false, "all columns whole, however wide the terminal")
}

// out is where tables go.
func (r *reach) out() io.Writer {
	if r.wide {
		return whole{r.p.out}
	}
	return r.p.out
}

// fit decides once how wide columns are, and which are left out.
func (t *table) fit() {
	t.fitted = true
	if t.screen == 0 || len(t.rows) == 0 {
		return
	}
	t.hidden = make([]bool, len(t.widths))
	if !t.goesOn && len(t.rows) > 1 {
		for i := range t.hidden {
			t.hidden[i] = t.empty(i)
		}
	}
	natural := append([]int(nil), t.widths...)
	for _, y := range t.yields {
		if i := t.column(y.heading); i >= 0 && y.least > 0 && t.wide() > t.screen {
			t.widths[i] = max(min(t.widths[i], y.least), t.widths[i]-(t.wide()-t.screen))
		}
	}
	for _, y := range t.yields {
		if i := t.column(y.heading); i >= 0 && t.wide() > t.screen {
			t.hidden[i] = true
		}
	}
	for n := len(t.yields) - 1; n >= 0; n-- { // what was left out may have made room
		if i := t.column(t.yields[n].heading); i >= 0 && !t.hidden[i] {
			t.widths[i] = min(natural[i], t.widths[i]+max(t.screen-t.wide(), 0))
		}
	}
}

// empty tells whether no row has anything in a column.
func (t *table) empty(i int) bool {
	for _, row := range t.rows[1:] {
		if row[i] != nothing {
			return false
		}
	}
	return true
}

// column finds a column by its heading; -1 for none.
func (t *table) column(heading string) int {
	for i, cell := range t.rows[0] {
		if cell == heading {
			return i
		}
	}
	return -1
}

// wide is how wide a row is.
func (t *table) wide() int {
	n := -gap
	for i, w := range t.widths {
		if !t.hidden[i] {
			n += w + gap
		}
	}
	return max(n, 0)
}
