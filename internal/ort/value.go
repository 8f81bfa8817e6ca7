package ort

// #include "shim.h"
import "C"

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"
)

const maxRank = 8

// live counts the values that were made and not yet released.
var live atomic.Int64

// LiveValues is the number of tensors that wait for their Close, those whose
// parts are still open among them. Tests use it to find leaks.
func LiveValues() int { return int(live.Load()) }

// A Value is a tensor on some device. It is safe for concurrent reading; who
// writes its data or closes it must be alone.
type Value struct {
	ptr    *C.OrtValue
	shape  []int64
	typ    Type
	data   unsafe.Pointer
	bytes  int
	onHost bool

	closed atomic.Bool
	users  atomic.Int32 // itself and its parts
	whole  *Value       // set in a part
}

// New makes a tensor on the host with a copy of data.
func New[T Elem](shape []int64, data []T) (*Value, error) {
	n, err := elements(shape)
	if err != nil {
		return nil, err
	}
	if n != len(data) {
		return nil, fmt.Errorf("make tensor %v: shape has %d elements, data %d", shape, n, len(data))
	}
	v, err := Make(TypeOf[T](), shape)
	if err != nil {
		return nil, err
	}
	dst, err := Data[T](v)
	if err != nil {
		return nil, err
	}
	copy(dst, data)
	return v, nil
}

// Make makes a tensor on the host, filled with zeros.
func Make(t Type, shape []int64) (*Value, error) {
	v, err := makeWith(nil, t, shape)
	if err != nil {
		return nil, err
	}
	clear(unsafe.Slice((*byte)(v.data), v.bytes))
	return v, nil
}

func makeWith(a *C.OrtAllocator, t Type, shape []int64) (*Value, error) {
	if err := isOpen(); err != nil {
		return nil, err
	}
	if _, err := elements(shape); err != nil {
		return nil, err
	}
	if t.Size() == 0 {
		return nil, fmt.Errorf("make tensor %v: no elements of %s", shape, t)
	}
	var p *C.OrtValue
	if err := check(C.rc_tensor(a, cdims(shape), C.size_t(len(shape)), C.int(t), &p), "make", fmt.Sprintf("%s tensor %v", t, shape)); err != nil {
		return nil, err
	}
	return adopt(p)
}

// adopt takes ownership of p.
func adopt(p *C.OrtValue) (*Value, error) {
	v := &Value{ptr: p}
	live.Add(1)
	v.users.Store(1)
	var rank, bytes C.size_t
	var typ, device C.int
	var dims [maxRank]int64
	st := C.rc_describe(p, &typ, &rank, (*C.int64_t)(&dims[0]), maxRank, &v.data, &bytes, &device)
	if err := check(st, "read", "a tensor's shape"); err != nil {
		v.Close()
		return nil, err
	}
	v.shape = slices.Clone(dims[:rank])
	v.typ, v.bytes, v.onHost = Type(typ), int(bytes), device == C.OrtMemoryInfoDeviceType_CPU
	return v, nil
}

// Part is a tensor over a piece of v's memory, from element `from` on, without
// a copy. The memory lives until v and all its parts are closed.
func (v *Value) Part(from int, shape []int64) (*Value, error) {
	if v.closed.Load() {
		return nil, v.gone()
	}
	n, err := elements(shape)
	if err != nil {
		return nil, err
	}
	size := v.typ.Size()
	if from < 0 || (from+n)*size > v.bytes {
		return nil, fmt.Errorf("take %v from element %d of a tensor %v: out of its bounds", shape, from, v.shape)
	}
	d := CPU
	if !v.onHost {
		return nil, fmt.Errorf("take a part of a tensor %v: it is not on the host", v.shape)
	}
	mem, err := d.memory()
	if err != nil {
		return nil, err
	}
	var p *C.OrtValue
	st := C.rc_tensor_over(mem, unsafe.Add(v.data, from*size), C.size_t(n*size), cdims(shape), C.size_t(len(shape)), C.int(v.typ), &p)
	if err := check(st, "take a part of", fmt.Sprintf("tensor %v", v.shape)); err != nil {
		return nil, err
	}
	part, err := adopt(p)
	if err != nil {
		return nil, err
	}
	v.users.Add(1)
	part.whole = v
	return part, nil
}

// Shape is not to be changed.
func (v *Value) Shape() []int64 { return v.shape }

// Type is the type of the elements.
func (v *Value) Type() Type { return v.typ }

// OnHost says whether Data can read it.
func (v *Value) OnHost() bool { return v.onHost }

// Bytes is the size of the data.
func (v *Value) Bytes() int { return v.bytes }

// Data is the tensor's memory itself, to read and write until Close. It needs a
// value on the host and the right type.
func Data[T Elem](v *Value) ([]T, error) {
	if v.closed.Load() {
		return nil, v.gone()
	}
	if want := TypeOf[T](); v.typ != want {
		return nil, fmt.Errorf("read tensor %v: it has %s, not %s", v.shape, v.typ, want)
	}
	if !v.onHost {
		return nil, fmt.Errorf("read tensor %v: it is not on the host, copy it first", v.shape)
	}
	if v.bytes == 0 {
		return nil, nil
	}
	return unsafe.Slice((*T)(v.data), v.bytes/v.typ.Size()), nil
}

// Floats copies a tensor of float32 or float16 on the host.
func (v *Value) Floats() ([]float32, error) {
	if v.typ != F16 {
		d, err := Data[float32](v)
		return slices.Clone(d), err
	}
	d, err := Data[Float16](v)
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(d))
	for i, h := range d {
		out[i] = h.Float32()
	}
	return out, nil
}

// Close releases the tensor. Closing again, or closing nil, does nothing.
func (v *Value) Close() {
	if v == nil || v.closed.Swap(true) {
		return
	}
	v.release()
}

func (v *Value) release() {
	if v.users.Add(-1) > 0 {
		return
	}
	C.rc_release_value(v.ptr)
	live.Add(-1)
	if v.whole != nil {
		v.whole.release()
	}
}

func (v *Value) gone() error { return closedError("tensor", fmt.Sprint(v.shape)) }

func elements(shape []int64) (int, error) {
	if len(shape) > maxRank {
		return 0, fmt.Errorf("shape %v: more than %d dimensions", shape, maxRank)
	}
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > (1<<40)/d {
			return 0, fmt.Errorf("shape %v: dimension out of bounds", shape)
		}
		n *= d
	}
	return int(n), nil
}

func cdims(shape []int64) *C.int64_t {
	if len(shape) == 0 {
		return nil
	}
	return (*C.int64_t)(&shape[0])
}
