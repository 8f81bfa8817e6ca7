package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// peakMemory is the most resident memory that the process has had, in bytes; 0
// where the system does not say.
func peakMemory() int64 {
	var u unix.Rusage
	if runtime.GOOS != "linux" || unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss << 10
}
