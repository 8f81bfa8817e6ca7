// Package safetensors writes and reads tensors in the safetensors format
// (https://huggingface.co/docs/safetensors, "Format"): the length of a header,
// the header in JSON, then the tensors' bytes. Every tensor is of float32.
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
)

// maxHeader bounds a header, as the reference implementation does.
const maxHeader = 100_000_000

// ErrMalformed is wrapped when bytes are not a safetensors file of float32.
var ErrMalformed = errors.New("not a safetensors file that can be read")

// A Tensor is a named array, its last dimension the fastest.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// entry is a tensor in the header.
type entry struct {
	Type    string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

const metadataKey = "__metadata__"

// Encode gives the file of the tensors, in their order, with metadata. It reads
// the tensors' memory as it is read itself, so they must not change until then.
// It returns the file's size, too. Equal arguments give equal bytes.
func Encode(tensors []Tensor, metadata map[string]string) (io.ReadSeeker, int64, error) {
	header := make(map[string]any, len(tensors)+1)
	if len(metadata) > 0 {
		header[metadataKey] = metadata
	}
	var at int64
	for _, t := range tensors {
		if _, twice := header[t.Name]; twice || t.Name == "" || t.Name == metadataKey {
			return nil, 0, fmt.Errorf("encode tensor %q: want a name that no other has", t.Name)
		}
		if n := elements(t.Shape); n != int64(len(t.Data)) {
			return nil, 0, fmt.Errorf("encode tensor %s: shape %v has %d elements, the data %d", t.Name, t.Shape, n, len(t.Data))
		}
		end := at + 4*int64(len(t.Data))
		header[t.Name] = entry{"F32", append(make([]int, 0, len(t.Shape)), t.Shape...), [2]int64{at, end}}
		at = end
	}
	b, err := json.Marshal(header) // sorts the names
	if err != nil {
		return nil, 0, fmt.Errorf("encode header: %w", err)
	}
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(b)))
	f := &body{head: append(head, b...), tensors: tensors}
	size := int64(len(f.head)) + at
	return io.NewSectionReader(f, 0, size), size, nil
}

// elements is how many a shape holds; -1 for no shape, or more than fit.
func elements(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt32*64/int64(d) {
			return -1
		}
		n *= int64(d)
	}
	return n
}

// body is a file whose tensors are converted as they are read.
type body struct {
	head    []byte
	tensors []Tensor
}

// ReadAt implements [io.ReaderAt].
func (f *body) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	if at < int64(len(f.head)) {
		n = copy(p, f.head[at:])
	}
	from := int64(len(f.head))
	for i := range f.tensors {
		data := f.tensors[i].Data
		size := 4 * int64(len(data))
		if pos := at + int64(n); n < len(p) && pos < from+size {
			n += copyFloats(p[n:], data, pos-from)
		}
		from += size
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// copyFloats copies the bytes of data from byte at on, and returns how many.
func copyFloats(p []byte, data []float32, at int64) int {
	n := 0
	for n < len(p) && at < 4*int64(len(data)) {
		if at%4 == 0 && len(p)-n >= 4 {
			whole := min((len(p)-n)/4, len(data)-int(at/4))
			for _, v := range data[at/4 : at/4+int64(whole)] {
				binary.LittleEndian.PutUint32(p[n:], math.Float32bits(v))
				n += 4
			}
			at += 4 * int64(whole)
			continue
		}
		p[n] = byte(math.Float32bits(data[at/4]) >> (8 * (at % 4)))
		n, at = n+1, at+1
	}
	return n
}

// A File is an opened file.
type File struct {
	Metadata map[string]string

	r       io.ReaderAt
	entries map[string]entry
	from    int64 // where the tensors begin
}

// Open reads the header of a file of size bytes and checks that its tensors
// lie within the file, one behind the other without gaps, as the format asks.
func Open(r io.ReaderAt, size int64) (*File, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return nil, fmt.Errorf("%w: a file of %d bytes", ErrMalformed, size)
	}
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return nil, bad("length of the header", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrMalformed, n, size)
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, 8); err != nil {
		return nil, bad("header", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	f := &File{r: r, entries: make(map[string]entry, len(raw)), from: 8 + int64(n)}
	for name, v := range raw {
		if name == metadataKey {
			if err := json.Unmarshal(v, &f.Metadata); err != nil {
				return nil, fmt.Errorf("%w: metadata: %w", ErrMalformed, err)
			}
			continue
		}
		var e entry
		if err := json.Unmarshal(v, &e); err != nil {
			return nil, fmt.Errorf("%w: tensor %q: %w", ErrMalformed, name, err)
		}
		if e.Type != "F32" {
			return nil, fmt.Errorf("%w: tensor %q is of type %q; want F32", ErrMalformed, name, e.Type)
		}
		if elements(e.Shape) < 0 || e.Offsets[0] < 0 || e.Offsets[1]-e.Offsets[0] != 4*elements(e.Shape) {
			return nil, fmt.Errorf("%w: tensor %q: shape %v at bytes %v", ErrMalformed, name, e.Shape, e.Offsets)
		}
		f.entries[name] = e
	}
	return f, f.contiguous(size)
}

func (f *File) contiguous(size int64) error {
	names := f.Names()
	sort.SliceStable(names, func(i, j int) bool {
		a, b := f.entries[names[i]].Offsets, f.entries[names[j]].Offsets
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	at := int64(0)
	for _, name := range names {
		e := f.entries[name]
		if e.Offsets[0] != at {
			return fmt.Errorf("%w: tensor %q begins at byte %d; want %d", ErrMalformed, name, e.Offsets[0], at)
		}
		at = e.Offsets[1]
	}
	if f.from+at != size {
		return fmt.Errorf("%w: its tensors end at byte %d of %d", ErrMalformed, f.from+at, size)
	}
	return nil
}

// Names are those of the tensors, sorted.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.entries))
	for n := range f.entries {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Shape is a tensor's, and whether the file has it.
func (f *File) Shape(name string) ([]int, bool) {
	e, ok := f.entries[name]
	return e.Shape, ok
}

// Read reads a tensor into data, whose length must be its number of elements.
func (f *File) Read(name string, data []float32) error {
	e, ok := f.entries[name]
	if !ok {
		return fmt.Errorf("%w: no tensor %q", ErrMalformed, name)
	}
	if n := elements(e.Shape); n != int64(len(data)) {
		return fmt.Errorf("read tensor %s: shape %v has %d elements; want %d", name, e.Shape, n, len(data))
	}
	buf := make([]byte, min(8<<20, 4*len(data)))
	at := f.from + e.Offsets[0]
	for len(data) > 0 {
		b := buf[:min(len(buf), 4*len(data))]
		if _, err := f.r.ReadAt(b, at); err != nil {
			return bad("tensor "+name, err)
		}
		for i := range len(b) / 4 {
			data[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		at, data = at+int64(len(b)), data[len(b)/4:]
	}
	return nil
}

// bad tells a file that ends early from one that could not be read.
func bad(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s: the file ends there", ErrMalformed, what)
	}
	return fmt.Errorf("read %s: %w", what, err)
}
