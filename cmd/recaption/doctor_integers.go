package main

import (
	"context"
	"fmt"

	"recaption/internal/ort"
	"recaption/internal/ort/library"
	"recaption/internal/ort/onnx"
)

// integers checks the products of 8-bit integers that quantised models consist
// of. Some builds get them wrong on some CPUs, without an error: ONNX Runtime
// 1.24.3 where the CPU has AMX, for at least 32 rows and widths of more than 16
// that leave 17 to 31 when divided by 32. The captions of a quantised model
// with such a vocabulary are then right in small batches and garbage in larger.
func (e *engineChecks) integers(context.Context) finding {
	if !e.runs {
		return skipped("not checked, since the device does not run")
	}
	shapes := 0
	for _, rows := range []int{1, 31, 32, 33, 64} {
		for _, wide := range []int{16, 17, 25, 31, 32, 49, 63, 64, 95} {
			shapes++
			if err := integerProduct(rows, 64, wide); err != nil {
				return wrong("use another ONNX Runtime (this program is tested with "+library.Version+
					"): unset "+library.EnvLibrary+", then recaption doctor --fix; until then no quantised model", "%v", err)
			}
		}
	}
	return ok("exact in %d shapes", shapes)
}

// integerProduct multiplies rows x deep by deep x wide numbers and holds the
// result against one that is computed here. The right factor is a constant, as
// the weights of a model are.
func integerProduct(rows, deep, wide int) error {
	left, right := make([]uint8, rows*deep), make([]int64, deep*wide)
	x := uint32(rows*7919 + wide) // a small generator: any numbers will do
	next := func() uint8 { x = x*1664525 + 1013904223; return uint8(x >> 24) }
	for i := range left {
		left[i] = next()
	}
	for i := range right {
		right[i] = int64(int8(next()))
	}
	g := onnx.Graph{
		Name:         "integers",
		Inputs:       []onnx.Port{{Name: "left", Type: int(ort.U8), Dims: []any{rows, deep}}},
		Outputs:      []onnx.Port{{Name: "product", Type: int(ort.I32), Dims: []any{rows, wide}}},
		Initializers: []onnx.Tensor{{Name: "right64", Dims: []int64{int64(deep), int64(wide)}, Ints: right}},
	}
	g.Add("Cast", "right", map[string]any{"to": int(ort.I8)}, "right64")
	g.Add("MatMulInteger", "product", nil, "left", "right")
	in, err := ort.New([]int64{int64(rows), int64(deep)}, left)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := runGraph(&g, ort.CPU, ort.Feed{Name: "left", Value: in}, "product")
	if err != nil {
		return err
	}
	defer out.Close()
	got, err := ort.Data[int32](out)
	if err != nil {
		return err
	}
	for r := range rows {
		for c := range wide {
			want := int32(0)
			for k := range deep {
				want += int32(left[r*deep+k]) * int32(right[k*wide+c])
			}
			if got[r*wide+c] != want {
				return fmt.Errorf("%d rows x %d columns: %d at %d, %d is %d", rows, wide, got[r*wide+c], r, c, want)
			}
		}
	}
	return nil
}
