// Package storetest holds stores to their contract, and breaks them on
// purpose.
//
// [Run] is the conformance suite of [shards.Store]. [Faults] wraps a store and
// fails the calls it is told to, before or after their effect, for tests of
// crashes.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/shards"
)

// Config says what a store is asked.
type Config struct {
	Listed int   // objects in the listing that must need more than one page
	Large  int64 // bytes of the large object
}

// DefaultConfig lists 1,005 objects, which S3 gives in two pages, and writes
// 32 MiB.
func DefaultConfig() Config { return Config{Listed: 1005, Large: 32 << 20} }

// Run tests the store that open gives. Each test gets a store of its own,
// which is empty.
func Run(t *testing.T, cfg Config, open func(t *testing.T) shards.Store) {
	s := suite{cfg, open}
	for _, test := range []struct {
		name string
		run  func(*testing.T, shards.Store)
	}{
		{"put and read", s.putAndRead},
		{"put replaces", s.putReplaces},
		{"empty object", s.empty},
		{"size mismatch", s.sizeMismatch},
		{"suffix", s.suffix},
		{"range", s.ranges},
		{"stale etag", s.stale},
		{"not found", s.notFound},
		{"create only", s.createOnly},
		{"create only is verified", s.verified},
		{"racing creators", s.race},
		{"lost replies", s.lostReplies},
		{"keys", s.keys},
		{"refused keys", s.refusedKeys},
		{"delete", s.delete},
		{"list", s.list},
		{"list by pages", s.listPages},
		{"list and stop", s.listStop},
		{"large object", s.large},
		{"cancelled", s.cancelled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.open(t)) })
	}
}

type suite struct {
	cfg  Config
	open func(*testing.T) shards.Store
}

func (suite) putAndRead(t *testing.T, st shards.Store) {
	want := Random(100_000)
	MustPut(t, st, "a/b.arrow", want)
	got, err := st.Get(t.Context(), "a/b.arrow", 100_000)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, %v; want what was written", len(got), err)
	}
	if _, err := st.Get(t.Context(), "a/b.arrow", 99_999); err == nil {
		t.Error("read more than the limit")
	}
}

func (suite) putReplaces(t *testing.T, st shards.Store) {
	MustPut(t, st, "k", []byte("one, longer"))
	MustPut(t, st, "k", []byte("two"))
	wantObject(t, st, "k", "two")
	// A body is read from its start wherever it stands.
	body := bytes.NewReader([]byte("three"))
	if _, err := io.ReadAll(body); err != nil {
		t.Fatal(err)
	}
	if err := st.Put(t.Context(), "k", body, 5); err != nil {
		t.Fatal(err)
	}
	wantObject(t, st, "k", "three")
}

func (suite) empty(t *testing.T, st shards.Store) {
	MustPut(t, st, "put", nil)
	if err := st.Create(t.Context(), "created", nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"put", "created"} {
		wantObject(t, st, key, "")
		tail, err := st.ReadTail(t.Context(), key, 10)
		if err != nil || tail.Size != 0 || len(tail.Bytes) != 0 {
			t.Errorf("%s: tail %+v, %v; want nothing of nothing", key, tail, err)
		}
	}
}

func (suite) sizeMismatch(t *testing.T, st shards.Store) {
	for _, size := range []int64{4, 6} {
		if err := st.Put(t.Context(), "k", strings.NewReader("12345"), size); err == nil {
			t.Errorf("put 5 bytes as %d", size)
		}
	}
	if _, err := st.Get(t.Context(), "k", 10); !errors.Is(err, shards.ErrNotFound) {
		t.Errorf("after refused writes: %v; want ErrNotFound", err)
	}
}

func (suite) suffix(t *testing.T, st shards.Store) {
	MustPut(t, st, "k", []byte("0123456789"))
	for _, test := range []struct {
		n    int64
		want string
	}{{1, "9"}, {4, "6789"}, {10, "0123456789"}, {11, "0123456789"}, {1 << 20, "0123456789"}} {
		got, err := st.ReadTail(t.Context(), "k", test.n)
		if err != nil || string(got.Bytes) != test.want || got.Size != 10 || got.ETag == "" {
			t.Errorf("last %d: %q of %d, etag %q, %v; want %q of 10", test.n, got.Bytes, got.Size, got.ETag, err, test.want)
		}
	}
}

func (suite) ranges(t *testing.T, st shards.Store) {
	MustPut(t, st, "k", []byte("0123456789"))
	for _, test := range []struct {
		off, n int64
		want   string
	}{{0, 1, "0"}, {0, 10, "0123456789"}, {3, 4, "3456"}, {9, 1, "9"}} {
		got, err := readRange(t.Context(), st, "k", test.off, test.n, "")
		if err != nil || string(got) != test.want {
			t.Errorf("%d from %d: %q, %v; want %q", test.n, test.off, got, err, test.want)
		}
	}
	for _, bad := range [][2]int64{{-1, 2}, {0, 0}, {0, -1}, {0, 11}, {9, 2}, {10, 1}, {1 << 40, 1}} {
		if _, err := readRange(t.Context(), st, "k", bad[0], bad[1], ""); err == nil {
			t.Errorf("%d from %d of 10 bytes: no error", bad[1], bad[0])
		}
	}
	r, err := st.ReadRange(t.Context(), "k", 0, 10, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // unread
		t.Error(err)
	}
}

func (suite) stale(t *testing.T, st shards.Store) {
	MustPut(t, st, "k", []byte("old bytes"))
	tail, err := st.ReadTail(t.Context(), "k", 4)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readRange(t.Context(), st, "k", 0, 3, tail.ETag); err != nil || string(got) != "old" {
		t.Errorf("with its etag: %q, %v", got, err)
	}
	MustPut(t, st, "k", []byte("new bytes"))
	if _, err := readRange(t.Context(), st, "k", 0, 3, tail.ETag); !errors.Is(err, shards.ErrChanged) {
		t.Errorf("replaced by others of its length: %v; want ErrChanged", err)
	}
}

func (suite) notFound(t *testing.T, st shards.Store) {
	MustPut(t, st, "there/k", []byte("x"))
	for _, key := range []string{"none", "there", "there/no", "there/k/no", "no/no/no"} {
		if _, err := st.Get(t.Context(), key, 10); !errors.Is(err, shards.ErrNotFound) {
			t.Errorf("get %s: %v; want ErrNotFound", key, err)
		}
		if _, err := st.ReadTail(t.Context(), key, 10); !errors.Is(err, shards.ErrNotFound) {
			t.Errorf("tail of %s: %v; want ErrNotFound", key, err)
		}
		if _, err := readRange(t.Context(), st, key, 0, 1, ""); !errors.Is(err, shards.ErrNotFound) {
			t.Errorf("range of %s: %v; want ErrNotFound", key, err)
		}
		if errors.Is(shards.ErrNotFound, shards.ErrTransient) {
			t.Error("ErrNotFound is transient")
		}
	}
}

func (suite) createOnly(t *testing.T, st shards.Store) {
	if err := st.Create(t.Context(), "a/k", []byte("first")); err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{"second", "first", ""} {
		if err := st.Create(t.Context(), "a/k", []byte(b)); !errors.Is(err, shards.ErrExists) {
			t.Errorf("create again: %v; want ErrExists", err)
		}
	}
	wantObject(t, st, "a/k", "first")
	MustPut(t, st, "a/p", []byte("put"))
	if err := st.Create(t.Context(), "a/p", []byte("x")); !errors.Is(err, shards.ErrExists) {
		t.Errorf("create over a put object: %v; want ErrExists", err)
	}
	if err := st.Delete(t.Context(), "a/k"); err != nil {
		t.Fatal(err)
	}
	if err := st.Create(t.Context(), "a/k", []byte("third")); err != nil {
		t.Errorf("create after delete: %v", err)
	}
	wantKeys(t, st, "", "", "a/k", "a/p")
}

func (suite) verified(t *testing.T, st shards.Store) {
	if err := shards.VerifyCreateOnly(t.Context(), st); err != nil {
		t.Error(err)
	}
	wantKeys(t, st, "", "")
}

// race lets 16 writers create one object, 20 times over.
func (suite) race(t *testing.T, st shards.Store) {
	for round := range 20 {
		const writers = 16
		key := fmt.Sprintf("race/%02d.json", round)
		start := make(chan struct{})
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				<-start
				errs[i] = st.Create(t.Context(), key, fmt.Appendf(nil, "writer %d", i))
			})
		}
		close(start)
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("round %d: writers %d and %d both won", round, winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, shards.ErrExists):
				t.Fatalf("round %d: writer %d: %v; want ErrExists", round, i, err)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody won", round)
		}
		wantObject(t, st, key, fmt.Sprintf("writer %d", winner))
	}
}

func (suite) lostReplies(t *testing.T, st shards.Store) {
	ctx := t.Context()
	f := NewFaults(st)

	f.Fail(Fault{Op: Create, N: 1, When: After})
	if got, err := shards.Commit(ctx, f, "a", []byte("ours")); err != nil || string(got) != "ours" {
		t.Errorf("our reply lost: %q, %v; want ours", got, err)
	}
	if got, err := shards.Commit(ctx, f, "a", []byte("ours")); err != nil || string(got) != "ours" {
		t.Errorf("committed twice: %q, %v; want ours", got, err)
	}
	f.Fail(Fault{Op: Create, N: 1, When: After})
	if got, err := shards.Commit(ctx, f, "a", []byte("late")); !errors.Is(err, shards.ErrExists) || string(got) != "ours" {
		t.Errorf("the reply to a late writer lost: %q, %v; want ours and ErrExists", got, err)
	}
	f.Fail(Fault{Op: Create, N: 1, When: Before})
	if got, err := shards.Commit(ctx, f, "b", []byte("never sent")); !errors.Is(err, shards.ErrTransient) || got != nil {
		t.Errorf("request lost: %q, %v; want ErrTransient", got, err)
	}
	if got, err := shards.Commit(ctx, f, "b", []byte("again")); err != nil || string(got) != "again" {
		t.Errorf("after a lost request: %q, %v; want again", got, err)
	}
	f.Fail(Fault{Op: Create, N: 1, When: After})
	f.Fail(Fault{Op: Get, N: 1})
	if got, err := shards.Commit(ctx, f, "c", []byte("ours")); !errors.Is(err, shards.ErrTransient) {
		t.Errorf("reply lost and not to be read: %q, %v; want ErrTransient", got, err)
	}
	if got, err := shards.Commit(ctx, f, "c", []byte("ours")); err != nil || string(got) != "ours" {
		t.Errorf("after that: %q, %v; want ours", got, err)
	}
}

func (suite) keys(t *testing.T, st shards.Store) {
	keys := []string{
		"0", "A", "a.b", "a-b", "a_b", "a..b", "Az09._-/Az09._-.json",
		strings.Repeat("deep/", 20) + "k", strings.Repeat("k", 200), strings.Repeat(strings.Repeat("s", 99)+"/", 5) + "k",
	}
	for i, key := range keys {
		MustPut(t, st, key, fmt.Appendf(nil, "%d", i))
	}
	for i, key := range keys {
		wantObject(t, st, key, fmt.Sprint(i))
	}
	slices.Sort(keys)
	wantKeys(t, st, "", "", keys...)
}

func (suite) refusedKeys(t *testing.T, st shards.Store) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.hidden",
		"a b", "a\x00b", "a\\b", "ä", "a*", "a%2fb", strings.Repeat("k", 513), strings.Repeat("k", 256),
	} {
		if err := st.Put(t.Context(), key, strings.NewReader("x"), 1); !errors.Is(err, shards.ErrKey) {
			t.Errorf("put %q: %v; want ErrKey", key, err)
		}
		if err := st.Create(t.Context(), key, []byte("x")); !errors.Is(err, shards.ErrKey) {
			t.Errorf("create %q: %v; want ErrKey", key, err)
		}
		if _, err := st.Get(t.Context(), key, 1); !errors.Is(err, shards.ErrKey) {
			t.Errorf("get %q: %v; want ErrKey", key, err)
		}
		if _, err := st.ReadTail(t.Context(), key, 1); !errors.Is(err, shards.ErrKey) {
			t.Errorf("tail of %q: %v; want ErrKey", key, err)
		}
		if _, err := readRange(t.Context(), st, key, 0, 1, ""); !errors.Is(err, shards.ErrKey) {
			t.Errorf("range of %q: %v; want ErrKey", key, err)
		}
		if err := st.Delete(t.Context(), key); !errors.Is(err, shards.ErrKey) {
			t.Errorf("delete %q: %v; want ErrKey", key, err)
		}
	}
	for _, prefix := range []string{"/", "a//", "../", "a/../"} {
		for _, err := range st.List(t.Context(), prefix, "") {
			if !errors.Is(err, shards.ErrKey) {
				t.Errorf("list %q: %v; want ErrKey", prefix, err)
			}
		}
	}
	wantKeys(t, st, "", "")
}

func (suite) delete(t *testing.T, st shards.Store) {
	MustPut(t, st, "a/k", []byte("x"))
	MustPut(t, st, "a/l", []byte("x"))
	for range 2 {
		if err := st.Delete(t.Context(), "a/k"); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	for _, key := range []string{"none", "no/no", "a/l/no"} {
		if err := st.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	if _, err := st.Get(t.Context(), "a/k", 1); !errors.Is(err, shards.ErrNotFound) {
		t.Errorf("after delete: %v; want ErrNotFound", err)
	}
	wantKeys(t, st, "", "", "a/l")
}

func (suite) list(t *testing.T, st shards.Store) {
	for _, key := range []string{"a/1", "a/10", "a/2", "a-b/1", "a.b/1", "a0/1", "B/1", "b/c/d/e", "b/c.d", "b/c/a", "z"} {
		MustPut(t, st, key, []byte(key))
	}
	for _, test := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{"B/1", "a-b/1", "a.b/1", "a/1", "a/10", "a/2", "a0/1", "b/c.d", "b/c/a", "b/c/d/e", "z"}},
		{"a", "", []string{"a-b/1", "a.b/1", "a/1", "a/10", "a/2", "a0/1"}},
		{"a/", "", []string{"a/1", "a/10", "a/2"}},
		{"a/1", "", []string{"a/1", "a/10"}},
		{"b/c/", "", []string{"b/c/a", "b/c/d/e"}},
		{"none/", "", nil},
		{"a/1/", "", nil},
		{"", "a.b/1", []string{"a/1", "a/10", "a/2", "a0/1", "b/c.d", "b/c/a", "b/c/d/e", "z"}},
		{"", "a/11", []string{"a/2", "a0/1", "b/c.d", "b/c/a", "b/c/d/e", "z"}},
		{"a/", "a/10", []string{"a/2"}},
		{"b/", "b/c/d", []string{"b/c/d/e"}},
		{"", "zz", nil},
		{"a/", "b", nil},
	} {
		wantKeys(t, st, test.prefix, test.after, test.want...)
	}
	for o, err := range st.List(t.Context(), "b/c/d/", "") {
		if err != nil || o.Size != int64(len(o.Key)) {
			t.Errorf("%+v, %v; want its size", o, err)
		}
	}
}

func (s suite) listPages(t *testing.T, st shards.Store) {
	var want []string
	for i := range s.cfg.Listed {
		key := fmt.Sprintf("p/%03x/%05d.json", i%7, i)
		if err := st.Create(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	slices.Sort(want)
	wantKeys(t, st, "p/", "", want...)
	half := len(want) / 2
	wantKeys(t, st, "p/", want[half], want[half+1:]...)
}

func (suite) listStop(t *testing.T, st shards.Store) {
	for i := range 5 {
		MustPut(t, st, fmt.Sprintf("k/%d", i), []byte("x"))
	}
	n := 0
	for _, err := range st.List(t.Context(), "k/", "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("saw %d objects; want 2", n)
	}
}

func (s suite) large(t *testing.T, st shards.Store) {
	want := Random(int(s.cfg.Large) + 12345)
	MustPut(t, st, "large.arrow", want)
	tail, err := st.ReadTail(t.Context(), "large.arrow", 1000)
	if err != nil || tail.Size != int64(len(want)) || !bytes.Equal(tail.Bytes, want[len(want)-1000:]) {
		t.Fatalf("tail: %d of %d bytes, %v", len(tail.Bytes), tail.Size, err)
	}
	got, err := readRange(t.Context(), st, "large.arrow", 0, tail.Size, tail.ETag)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, %v; want the %d written", len(got), err, len(want))
	}
	off := tail.Size / 3
	if got, err := readRange(t.Context(), st, "large.arrow", off, 1<<20, tail.ETag); err != nil || !bytes.Equal(got, want[off:off+1<<20]) {
		t.Errorf("a range of it: %d bytes, %v", len(got), err)
	}
}

func (suite) cancelled(t *testing.T, st shards.Store) {
	MustPut(t, st, "k", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[Op]error{
		Put:    st.Put(ctx, "n", strings.NewReader("x"), 1),
		Create: st.Create(ctx, "n", []byte("x")),
		Delete: st.Delete(ctx, "k"),
	}
	_, calls[Get] = st.Get(ctx, "k", 1)
	_, calls[ReadTail] = st.ReadTail(ctx, "k", 1)
	_, calls[ReadRange] = readRange(ctx, st, "k", 0, 1, "")
	for _, err := range st.List(ctx, "", "") {
		calls[List] = err
	}
	for _, op := range Ops() {
		if !errors.Is(calls[op], context.Canceled) {
			t.Errorf("%s: %v; want context.Canceled", op, calls[op])
		}
	}
	wantKeys(t, st, "", "", "k")
}

// Random gives n bytes that don't compress, the same in each run.
func Random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b) // never fails
	return b
}

// MustPut writes an object or ends the test.
func MustPut(t testing.TB, st shards.Store, key string, b []byte) {
	t.Helper()
	if err := st.Put(t.Context(), key, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
}

func readRange(ctx context.Context, st shards.Store, key string, off, n int64, etag string) ([]byte, error) {
	r, err := st.ReadRange(ctx, key, off, n, etag)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func wantObject(t *testing.T, st shards.Store, key, want string) {
	t.Helper()
	got, err := st.Get(t.Context(), key, 1<<20)
	if err != nil || string(got) != want {
		t.Errorf("%s: %q, %v; want %q", key, got, err, want)
	}
}

func wantKeys(t *testing.T, st shards.Store, prefix, after string, want ...string) {
	t.Helper()
	var got []string
	for o, err := range st.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("list %q after %q: %v", prefix, after, err)
		}
		got = append(got, o.Key)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("list %q after %q (-want +got):\n%s", prefix, after, d)
	}
}
