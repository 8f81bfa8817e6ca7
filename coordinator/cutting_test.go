package coordinator

import (
	"context"
	"log/slog"
	"testing"

	"recaption/schemas"
)

// lines gives the messages of a log.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// That the lease on a part can't be kept is told, once.
func TestLeaseOnAPartIsLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	must(t, s.coordinator(s.rest).Ensure(t.Context(), "pool"))
	must(t, s.conn.Cuts().Publish(t.Context(), schemas.CutJob{Dataset: "birds", Revision: "0123456789abcdef", Part: "00000000-part"}))
	d, err := s.conn.Cuts().Next(within(t))
	must(t, err)
	must(t, d.Ack(t.Context())) // from now on it can't be extended
	d.Lease /= 100
	ctx, stop := context.WithCancel(within(t))
	said, ended := make(lines, 100), make(chan struct{})
	go func() {
		defer close(ended)
		extend(ctx, d, slog.New(slog.NewTextHandler(said, nil)))
	}()
	select {
	case <-said:
	case <-ctx.Done():
		t.Error("nothing was said")
	}
	rest(ctx, 10*d.Lease)
	stop()
	<-ended
	if n := len(said); n > 0 {
		t.Errorf("said %d times more", n)
	}
}
