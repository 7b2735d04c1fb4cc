package harness

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// reaper is a shell that outlives the tests by a moment: when they die without
// cleaning up, as on a timeout, its input ends and it kills what is still noted.
var reaper struct {
	once sync.Once
	mu   sync.Mutex
	pipe io.Writer
}

const reaperScript = `set --
while read -r sign group; do
  if [ "$sign" = + ]; then set -- "$@" "$group"; continue; fi
  kept=
  for g; do [ "$g" = "$group" ] || kept="$kept $g"; done
  set -- $kept
done
for g; do kill -s KILL -- "-$g" 2>/dev/null; done`

// noteGroup tells the reaper that a process group began (+) or ended (-).
func noteGroup(sign byte, group int) {
	reaper.once.Do(func() {
		cmd := exec.Command("sh", "-c", reaperScript)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		pipe, err := cmd.StdinPipe()
		if err == nil && cmd.Start() == nil {
			reaper.pipe = pipe
		}
	})
	reaper.mu.Lock()
	defer reaper.mu.Unlock()
	if reaper.pipe != nil {
		_, _ = fmt.Fprintf(reaper.pipe, "%c %d\n", sign, group)
	}
}
