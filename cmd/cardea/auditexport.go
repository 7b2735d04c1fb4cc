package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
)

func auditExport(p process) *cobra.Command {
	r := &reach{p: p}
	x := export{p: p}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the trail as lines of JSON",
		Long: `Writes events as lines of JSON, the oldest first, to standard output or to a file. A file
has mode 0600 and appears under its name whole or not at all; one that is a trail already is
replaced, any other is not. docs/audit.md describes the lines.

--append goes on after the last line of a file instead, so that repeating the command keeps
a file complete: each event stands in it once. What a crash left of a line is cut off. A
file that is no trail, or that of another store, is refused.

To have the gateway itself write every event to a file as it happens, set audit.file; leave
that file to the gateway.`,
		Example: `  cardea audit export --since 720h --file november.jsonl
  cardea audit export --append --file /backup/audit.jsonl
  cardea audit export | gzip > audit.jsonl.gz
  cardea audit export | jq -r 'select(.type == "signin.refused") | [.at, .handle, .cause] | @csv'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(x.check(r, cmd), fixTimes(&x.q, time.Now())); err != nil {
				return err
			}
			c, err := r.client()
			if err != nil {
				return err
			}
			x.q.Limit, x.c = maxAuditPage, c
			switch {
			case x.file == "" || x.file == "-":
				err = x.copy(cmd, p.out)
				if err == nil && x.written == 0 {
					noneMatch(p.err, x.q)
				}
				return err
			case x.append:
				return x.goOn(cmd)
			}
			return x.replace(cmd)
		},
	}
	configFlag(cmd, &r.config)
	r.adminFlags(cmd)
	auditTimes(cmd, &x.q)
	placeFlag(cmd, &x.q.After, "after", "only events after this number")
	cmd.Flags().StringVar(&x.file, "file", "", "write this file; - or nothing: standard output")
	cmd.Flags().BoolVar(&x.append, "append", false, "go on after the file's last line")
	return cmd
}

// export is one run of the command.
type export struct {
	p      process
	c      *admin.Client
	q      admin.AuditQuery
	file   string
	append bool

	written int
	told    time.Time
}

func (x *export) check(r *reach, cmd *cobra.Command) error {
	onFile := x.file != "" && x.file != "-"
	if x.append && !onFile {
		return usageError{errors.New("--append goes on with a file: name it by --file")}
	}
	if x.append && (cmd.Flags().Changed("after") || x.q.Since != "") {
		return usageError{errors.New("--append goes on after the file's last line: without --after and --since")}
	}
	if !onFile {
		return nil
	}
	cfg, err := withoutSecrets(x.p, r.config)
	if err != nil {
		return nil //nolint:nilerr // whoever needs the configuration tells of it
	}
	if path, err := filepath.Abs(x.file); err == nil && path == cfg.Audit.File {
		return usageError{fmt.Errorf("%s is audit.file, which the gateway writes by itself: name another file", x.file)}
	}
	return nil
}

// copy writes everything that is selected.
func (x *export) copy(cmd *cobra.Command, out io.Writer) error {
	x.told = time.Now()
	return everyPage(cmd, x.c, x.q, func(list []audit.Event) error {
		x.written += len(list)
		if time.Since(x.told) >= time.Second && isTerminal(x.p.err) {
			x.told = time.Now()
			fmt.Fprintf(x.p.err, "%d event(s) written\n", x.written)
		}
		return printLines(out, list)
	})
}

// replace writes a file that appears whole or not at all.
func (x *export) replace(cmd *cobra.Command) (err error) {
	if err := replaceable(x.file); err != nil {
		return err
	}
	part := x.file + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(part)
		}
	}()
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err := x.copy(cmd, f); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err := os.Rename(part, x.file); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	fmt.Fprintf(x.p.err, "%d event(s) written to %s\n", x.written, x.file)
	return nil
}

// replaceable refuses a file that is there and is no trail.
func replaceable(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	defer f.Close()
	_, err = lastLine(f)
	if err != nil {
		return noTrail(name, err)
	}
	return nil
}

func noTrail(name string, err error) error {
	if errors.Is(err, audit.ErrNotTrail) {
		return fmt.Errorf("%s is there and is no audit trail: name another file", name)
	}
	return fmt.Errorf("reading %s: %w", name, err)
}

// end is how a file ends.
type end struct {
	last  audit.Event // with Seq 0 where the file has no line
	whole int64       // where its whole lines end
	size  int64
}

func lastLine(f *os.File) (end, error) {
	info, err := f.Stat()
	if err != nil {
		return end{}, err
	}
	if !info.Mode().IsRegular() {
		return end{}, audit.ErrNotTrail
	}
	tail, err := audit.NewTail(f, info.Size())
	if err != nil {
		return end{}, err
	}
	e := end{whole: tail.Whole(), size: info.Size()}
	if e.last, err = tail.Prev(); errors.Is(err, io.EOF) {
		err = nil
	}
	return e, err
}

// goOn appends what a file does not have yet.
func (x *export) goOn(cmd *cobra.Command) error {
	f, err := os.OpenFile(x.file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	defer f.Close()
	e, err := lastLine(f)
	if err != nil {
		return noTrail(x.file, err)
	}
	if e.last.Seq > 0 {
		if err := x.same(cmd.Context(), e.last); err != nil {
			return err
		}
	}
	if e.whole < e.size {
		if err := f.Truncate(e.whole); err != nil {
			return fmt.Errorf("exporting: cutting off a line that was not finished: %w", err)
		}
		fmt.Fprintf(x.p.err, "%s ended within a line, which is written anew\n", x.file)
	}
	x.q.After = e.last.Seq
	if err := x.copy(cmd, f); err != nil {
		return fmt.Errorf("%w\nwhat was written stays; the same command goes on", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	fmt.Fprintf(x.p.err, "%d event(s) appended to %s\n", x.written, x.file)
	return nil
}

// same refuses a file whose last event is not in this gateway's trail.
func (x *export) same(ctx context.Context, last audit.Event) error {
	page, err := x.c.Audit(ctx, admin.AuditQuery{After: last.Seq - 1, Before: last.Seq + 1, Limit: 1})
	switch {
	case err != nil:
		return err
	case len(page.Events) == 1 && page.Events[0].ID == last.ID:
		return nil
	case len(page.Events) == 1 || page.Last < last.Seq:
		return fmt.Errorf("event %d, the last in %s, is not in this gateway's trail: the file is another gateway's, or the store was restored from a backup since\nName another file", last.Seq, x.file)
	}
	oldest, err := x.c.Audit(ctx, admin.AuditQuery{Limit: 1})
	if err != nil {
		return err
	}
	if len(oldest.Events) == 1 && oldest.Events[0].Seq == last.Seq+1 || len(oldest.Events) == 0 && oldest.Last == last.Seq {
		return nil
	}
	return fmt.Errorf("events after %d, the last in %s, are not kept any more (audit.keep), so that the file would have a gap\nName another file", last.Seq, x.file)
}

// isTerminal tells whether a person reads what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := attributes(f)
	return err == nil
}
