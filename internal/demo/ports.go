package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// freePorts looks whether the ports can be had, so that the answer names the flag. On
// IPv6 too: browsers try ::1 first for localhost, and would meet whoever is there.
func (o *Options) freePorts(ctx context.Context) error {
	for _, p := range []struct {
		port int
		who  string
		flag string
	}{
		{o.Port, "the gateway", "--port"},
		{o.Port + 1, "the gateway's operators", "--port"},
		{o.ProviderPort, "the development provider", "--provider-port"},
	} {
		for _, host := range []string{"127.0.0.1", "::1"} {
			err := free(ctx, host, p.port)
			if errors.Is(err, syscall.EADDRINUSE) {
				return fmt.Errorf("port %d for %s is taken by another program; choose another with %s", p.port, p.who, p.flag)
			}
			if err != nil && host == "127.0.0.1" {
				return fmt.Errorf("port %d for %s cannot be had; choose another with %s: %w", p.port, p.who, p.flag, err)
			}
		}
	}
	return nil
}

func free(ctx context.Context, host string, port int) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return ln.Close()
}
