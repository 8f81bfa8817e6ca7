package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode returns the text of ids without special tokens. Ids without a token
// are left out. Bytes that aren't UTF-8 become U+FFFD, one for each maximal
// part. The clean-up of blanks that some tokenizer_config.json ask for is not
// part of it.
func (t *Tokenizer) Decode(ids []int32) string { return t.decodeAll(ids, true) }

// DecodeSpecial is Decode with special tokens as they are written.
func (t *Tokenizer) DecodeSpecial(ids []int32) string { return t.decodeAll(ids, false) }

func (t *Tokenizer) decodeAll(ids []int32, skip bool) string {
	out := &textSink{}
	d := t.decoder(out)
	for _, id := range ids {
		t.push(d, id, skip)
	}
	d.end()
	return string(out.buf)
}

// Stream decodes ids as they come. What Next and Flush return is, put
// together, what Decode returns for all of them. It is for one goroutine.
type Stream struct {
	t   *Tokenizer
	out textSink
	d   sink
}

// Stream begins a text.
func (t *Tokenizer) Stream() *Stream {
	s := &Stream{t: t}
	s.d = t.decoder(&s.out)
	return s
}

// Next returns what is certain of the text after one more id: whole characters
// only, often nothing.
func (s *Stream) Next(id int32) string {
	s.t.push(s.d, id, true)
	return s.out.take()
}

// Flush ends the text and returns the rest of it; the next id begins another.
func (s *Stream) Flush() string {
	s.d.end()
	rest := s.out.take()
	s.d = s.t.decoder(&s.out)
	return rest
}

func (t *Tokenizer) push(d sink, id int32, skip bool) {
	if skip && t.IsSpecial(id) {
		return
	}
	if token, ok := t.Token(id); ok {
		d.token(token)
	}
}

// sink takes the tokens of one text, one after another, and its end.
type sink interface {
	token(s string)
	end()
}

// stage is one step of a decoder: it returns the sink that feeds next.
type stage func(next sink) sink

func (t *Tokenizer) decoder(out *textSink) sink {
	var d sink = out
	for i := len(t.decode) - 1; i >= 0; i-- {
		d = t.decode[i](d)
	}
	return d
}

// textSink is the last sink.
type textSink struct{ buf []byte }

func (t *textSink) token(s string) { t.buf = append(t.buf, s...) }
func (t *textSink) end()           {}

func (t *textSink) take() string {
	s := string(t.buf)
	t.buf = t.buf[:0]
	return s
}

// spaced puts a blank between tokens: what a file without decoder gets.
type spaced struct {
	next sink
	more bool
}

func (d *spaced) token(s string) {
	if d.more {
		d.next.token(" ")
	}
	d.more = true
	d.next.token(s)
}

func (d *spaced) end() { d.next.end() }

// bytesToText is the decoder ByteLevel. It passes text on as soon as it is
// whole; to the steps after it, all of that is one token.
type bytesToText struct {
	next    sink
	pending []byte
	whole   []byte
}

func (d *bytesToText) token(s string) {
	d.pending = appendBytes(d.pending, s)
	d.pass(false)
}

func (d *bytesToText) end() {
	d.pass(true)
	d.next.end()
}

func (d *bytesToText) pass(final bool) {
	whole, rest := appendLossy(d.whole[:0], d.pending, final)
	d.whole = whole
	d.pending = append(d.pending[:0], rest...)
	if len(whole) > 0 {
		d.next.token(string(whole))
	}
}

// replace is the decoder Replace with a literal pattern. With fused, a match may
// begin in one token and end in another.
type replace struct {
	next        sink
	pattern, by string
	fused       bool
	pending     string
}

func (d *replace) token(s string) {
	if !d.fused {
		d.next.token(strings.ReplaceAll(s, d.pattern, d.by))
		return
	}
	s = d.pending + s
	for {
		before, after, found := strings.Cut(s, d.pattern)
		if !found {
			break
		}
		d.next.token(before + d.by)
		s = after
	}
	cut := max(0, len(s)-len(d.pattern)+1) // a match could begin after it
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	d.next.token(s[:cut])
	d.pending = s[cut:]
}

func (d *replace) end() {
	if d.fused {
		d.next.token(d.pending)
	}
	d.next.end()
}
