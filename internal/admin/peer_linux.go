package admin

import (
	"net"
	"strconv"
	"syscall"
)

// peerOfSocket names the user at the other end of a unix socket, by what the kernel noted
// when the connection was made (unix(7), SO_PEERCRED); "" for other connections.
func peerOfSocket(c net.Conn) string {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return ""
	}
	var peer *syscall.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil || failed != nil {
		return ""
	}
	return "uid " + strconv.FormatUint(uint64(peer.Uid), 10)
}
