package ort

import (
	"fmt"
	"math"
)

// A Type is a tensor's element type, with the runtime's own numbers.
type Type int

// The element types that graphs use here.
const (
	Undefined Type = 0
	F32       Type = 1
	U8        Type = 2
	I8        Type = 3
	I32       Type = 6
	I64       Type = 7
	Bool      Type = 9
	F16       Type = 10
	F64       Type = 11
	BF16      Type = 16
)

var typeNames = map[Type]string{
	Undefined: "undefined", F32: "float32", U8: "uint8", I8: "int8", I32: "int32",
	I64: "int64", Bool: "bool", F16: "float16", F64: "float64", BF16: "bfloat16",
}

func (t Type) String() string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("type %d", int(t))
}

// Size is the number of bytes of one element, 0 for types not listed here.
func (t Type) Size() int {
	switch t {
	case U8, I8, Bool:
		return 1
	case F16, BF16:
		return 2
	case F32, I32:
		return 4
	case I64, F64:
		return 8
	}
	return 0
}

// A Float16 is an IEEE 754 half precision number.
type Float16 uint16

// Elem is the Go type of a tensor's elements.
type Elem interface {
	float32 | float64 | int64 | int32 | int8 | uint8 | bool | Float16
}

// TypeOf is the element type that T stands for.
func TypeOf[T Elem]() Type {
	var zero T
	switch any(zero).(type) {
	case float32:
		return F32
	case float64:
		return F64
	case int64:
		return I64
	case int32:
		return I32
	case int8:
		return I8
	case uint8:
		return U8
	case bool:
		return Bool
	}
	return F16
}

// ToFloat16 rounds f to the nearest half, ties to even; what is too large
// becomes infinite.
func ToFloat16(f float32) Float16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	exp := int(b>>23) & 0xff
	frac := b & 0x7fffff
	switch {
	case exp == 0xff && frac != 0:
		return Float16(sign | 0x7e00)
	case exp >= 143: // 2^16 and more, and infinity
		return Float16(sign | 0x7c00)
	case exp >= 113: // normal in half precision
		h := uint32(exp-112)<<10 | frac>>13
		return Float16(uint32(sign) + roundEven(h, frac&0x1fff, 0x1000))
	case exp >= 102: // subnormal in half precision
		frac |= 0x800000
		shift := uint(126 - exp)
		return Float16(uint32(sign) + roundEven(frac>>shift, frac&(1<<shift-1), 1<<(shift-1)))
	}
	return Float16(sign)
}

// roundEven adds one to h when the rest that was cut off is above half, or is
// half and h is odd. A carry into the exponent is what rounding up means there.
func roundEven(h, rest, half uint32) uint32 {
	if rest > half || rest == half && h&1 == 1 {
		h++
	}
	return h
}

// Float32 is exact.
func (h Float16) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
	f := float32(frac) * (1.0 / (1 << 24))
	if sign != 0 {
		return -f
	}
	return f
}
