// Package embedded runs the two services that a recaption of one machine needs
// beside it: a NATS server with JetStream, in process, and an S3 gateway over a
// folder, in a child process. Both are the real programs, nats-server and
// versitygw; nothing else knows that they are embedded.
//
// They listen on the loopback interface, on ports that were free, with
// credentials drawn anew at each start. All they keep lies under one state
// folder:
//
//	<state>/lock        held while the folder is in use; names the process
//	<state>/nats        JetStream's store
//	<state>/s3          the gateway's objects, one folder for each bucket
//	<state>/attributes  what the gateway notes about objects, only where the
//	                    file system has no extended attributes
//
// A later start on the same folder continues where the earlier one stopped,
// however it stopped. Two at once are refused with [InUseError].
//
// # The child process
//
// The gateway changes its process's working directory, so it can't live in
// ours: the running program is started again, and [Main], which must stand
// first in main and in TestMain, turns that process into the gateway. It ends
// when its standard input does, or at once, by the kernel's hand, when its
// parent dies. It is in a process group of its own and ignores SIGINT, SIGTERM
// and SIGHUP, so that a Ctrl-C in the terminal, or a supervisor that signals
// every process of a unit, lets the parent drain before its store goes away.
//
// # Durability
//
// JetStream syncs each message before it acknowledges it. versitygw never
// syncs: a file it has acknowledged survives the death of every process (the
// kernel has it), but not a power failure. So the child syncs after it: each
// object's file and the folders on its path reach the disk before the reply to
// a PUT, a completed multipart upload or a DELETE is sent. As a data object is
// written before the object that commits it, no receipt outlives what it
// names. Folders below which nothing was acknowledged may still be lost.
package embedded
