package ort_test

import (
	"math"
	"testing"

	"recaption/internal/ort"
)

func TestFloat16(t *testing.T) {
	for _, c := range []struct {
		f float32
		h ort.Float16
	}{
		{0, 0}, {1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {65520, 0x7c00}, {65519, 0x7bff},
		{float32(math.Inf(-1)), 0xfc00}, {5.9604645e-8, 1}, {2.9802322e-8, 0}, {2.9802326e-8, 1}, {6.097555e-5, 0x3ff},
		{6.1035156e-5, 0x400}, {1.00048828125, 0x3c00}, {1.00146484375, 0x3c02}, {0.33325195, 0x3555}, {-1e-9, 0x8000},
	} {
		if got := ort.ToFloat16(c.f); got != c.h {
			t.Errorf("%g: %#x, want %#x", c.f, got, c.h)
		}
	}
	if !math.IsNaN(float64(ort.ToFloat16(float32(math.NaN())).Float32())) {
		t.Error("NaN got lost")
	}
	for h := range 1 << 16 {
		h := ort.Float16(h)
		f := h.Float32()
		if math.IsNaN(float64(f)) {
			continue
		}
		if back := ort.ToFloat16(f); back != h {
			t.Fatalf("%#x is %g, which is %#x", h, f, back)
		}
	}
}
