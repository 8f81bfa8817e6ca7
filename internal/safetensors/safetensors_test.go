package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var tensors = []Tensor{
	{"b.weight", []int{2, 3}, []float32{1, -2, 3.5, 0, float32(math.Inf(1)), 1e-40}},
	{"empty", []int{0, 4}, nil},
	{"a", []int{}, []float32{42}},
}

// The golden file was written from the same tensors by the reference
// implementation, safetensors 0.8.0 (safetensors.numpy.save_file), which orders
// tensors by type and name.
func TestReadsTheReference(t *testing.T) {
	b, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	check(t, f)
}

func TestRoundTrip(t *testing.T) {
	r, size, err := Encode(tensors, map[string]string{"made_by": "test", "n": "1"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(iotest.OneByteReader(r)) // every way to split it
	if err != nil || int64(len(b)) != size {
		t.Fatalf("%d bytes, %v; want %d", len(b), err, size)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if again, err := io.ReadAll(r); err != nil || !bytes.Equal(again, b) {
		t.Errorf("read again: other bytes, %v", err)
	}
	f, err := Open(bytes.NewReader(b), size)
	if err != nil {
		t.Fatal(err)
	}
	check(t, f)
}

func check(t *testing.T, f *File) {
	t.Helper()
	if d := cmp.Diff(map[string]string{"made_by": "test", "n": "1"}, f.Metadata); d != "" {
		t.Errorf("metadata (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"a", "b.weight", "empty"}, f.Names()); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	for _, want := range tensors {
		shape, _ := f.Shape(want.Name)
		got := make([]float32, len(want.Data))
		if err := f.Read(want.Name, got); err != nil {
			t.Error(err)
		}
		if !cmp.Equal(shape, want.Shape) || len(got) > 0 && !cmp.Equal(got, want.Data) {
			t.Errorf("%s: shape %v, %v; want %v, %v", want.Name, shape, got, want.Shape, want.Data)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, ts := range map[string][]Tensor{
		"a name twice": {tensors[0], tensors[0]}, "no name": {{"", []int{1}, []float32{1}}},
		"metadata's name": {{metadataKey, []int{1}, []float32{1}}}, "another shape": {{"a", []int{3}, []float32{1}}},
	} {
		if _, _, err := Encode(ts, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func file(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestOpenRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"a length only":          {1, 0, 0, 0, 0, 0, 0, 0},
		"a huge header":          {0, 0, 0, 0, 0, 0, 0, 0x7f, '{'},
		"no JSON":                file(`{`),
		"another type":           file(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 0, 0),
		"too little data":        file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 0, 0, 0, 0),
		"data that no one has":   file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0, 0),
		"a gap":                  file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 0, 0, 0, 0, 0, 0, 0, 0),
		"shared bytes":           file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
		"a negative offset":      file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`),
		"a shape that overflows": file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`),
		"another size":           file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
	} {
		if _, err := Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, ErrMalformed)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r, _, err := Encode(tensors, map[string]string{"k": "v"})
	if err != nil {
		f.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, n := range o.Names() {
			shape, _ := o.Shape(n)
			if err := o.Read(n, make([]float32, elements(shape))); err != nil {
				t.Errorf("%s: %v", n, err)
			}
		}
	})
}
