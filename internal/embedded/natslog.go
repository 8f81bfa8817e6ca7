package embedded

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// natsLog hands what the NATS server says to slog. Its notices are many and of
// no news to our users, so they are for debugging.
type natsLog struct {
	log  *slog.Logger
	died atomic.Pointer[error]
}

func newNATSLog(l *slog.Logger) *natsLog { return &natsLog{log: l.With("service", "nats")} }

// fatal is what the server could not go on after. It never ends the process.
func (l *natsLog) fatal() error {
	if err := l.died.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *natsLog) Noticef(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l *natsLog) Debugf(f string, v ...any)  { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l *natsLog) Tracef(f string, v ...any)  { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l *natsLog) Warnf(f string, v ...any)   { l.log.Warn(fmt.Sprintf(f, v...)) }
func (l *natsLog) Errorf(f string, v ...any)  { l.log.Error(fmt.Sprintf(f, v...)) }

func (l *natsLog) Fatalf(f string, v ...any) {
	err := fmt.Errorf(f, v...)
	l.died.CompareAndSwap(nil, &err)
	l.log.Error(err.Error())
}
