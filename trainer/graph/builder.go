package graph

import (
	"fmt"

	"recaption/internal/ort/onnx"
)

const contrib = "com.microsoft" // ONNX Runtime's own operators

// builder writes one graph. Values are known by their names; a value "of rows"
// has two dimensions, one row for each token.
type builder struct {
	g         onnx.Graph
	n         int
	constants map[string]string
	shapes    map[string][]int  // of the parameters
	used      map[string]bool   // parameters that are inputs
	grads     map[string]string // by parameter
	order     []string          // parameters, in the order of their gradients
}

func newBuilder(name string, ps []Param) *builder {
	b := &builder{
		g: onnx.Graph{Name: name}, constants: map[string]string{}, shapes: map[string][]int{},
		used: map[string]bool{}, grads: map[string]string{},
	}
	for _, p := range ps {
		b.shapes[p.Name] = p.Shape
	}
	return b
}

type attrs = map[string]any

// op writes an operator and gives its output.
func (b *builder) op(op string, at attrs, in ...string) string {
	b.n++
	return b.g.Add(op, fmt.Sprintf("v%d", b.n), at, in...)
}

// product is a matrix product over the last two dimensions, a or c transposed
// in them, times alpha.
func (b *builder) product(a, c string, transA, transC bool, alpha float64) string {
	if !transA && !transC && alpha == 1 {
		return b.op("MatMul", nil, a, c)
	}
	out := b.op("FusedMatMul", attrs{"transA": flag(transA), "transB": flag(transC), "alpha": float32(alpha)}, a, c)
	b.g.Nodes[len(b.g.Nodes)-1].Domain = contrib
	return out
}

// gemm is a product of two matrices, times alpha, plus c where there is one.
func (b *builder) gemm(x, w string, transX, transW bool, alpha float64, c ...string) string {
	return b.op("Gemm", attrs{"transA": flag(transX), "transB": flag(transW), "alpha": float32(alpha)}, append([]string{x, w}, c...)...)
}

func flag(on bool) int64 {
	if on {
		return 1
	}
	return 0
}

func (b *builder) add(x, y string) string { return b.op("Add", nil, x, y) }
func (b *builder) sub(x, y string) string { return b.op("Sub", nil, x, y) }
func (b *builder) mul(x, y string) string { return b.op("Mul", nil, x, y) }
func (b *builder) div(x, y string) string { return b.op("Div", nil, x, y) }

// times multiplies by a number, which costs nothing where it is 1.
func (b *builder) times(x string, by float64) string {
	if by == 1 {
		return x
	}
	return b.mul(x, b.number(by))
}

// mean and squares reduce over one dimension, which stays with the size 1.
func (b *builder) mean(x string, axis int64) string {
	return b.op("ReduceMean", attrs{"axes": []int64{axis}, "keepdims": int64(1)}, x)
}

func (b *builder) squares(x string, axis int64) string {
	return b.op("ReduceSumSquare", attrs{"axes": []int64{axis}, "keepdims": int64(1)}, x)
}

// sum reduces over dimensions, which stay with the size 1 where keep says so.
func (b *builder) sum(x string, keep bool, axes ...int64) string {
	return b.op("ReduceSum", attrs{"keepdims": flag(keep)}, x, b.ints(axes...))
}

// columns sums the rows of a matrix to a vector.
func (b *builder) columns(x string) string { return b.sum(x, false, 0) }

func (b *builder) max(x string, axis int64) string {
	return b.op("ReduceMax", attrs{"axes": []int64{axis}, "keepdims": int64(1)}, x)
}

// total sums everything to a scalar.
func (b *builder) total(x string) string {
	return b.op("ReduceSum", attrs{"keepdims": int64(0)}, x)
}

func (b *builder) transpose(x string, perm ...int64) string {
	return b.op("Transpose", attrs{"perm": perm}, x)
}

// reshape takes a shape in numbers: 0 keeps a dimension, -1 is what is left.
func (b *builder) reshape(x string, shape ...int64) string {
	return b.op("Reshape", nil, x, b.ints(shape...))
}

// rows makes a matrix of width columns of x.
func (b *builder) rows(x string, width int) string { return b.reshape(x, -1, int64(width)) }

// slice takes from:to of one dimension.
func (b *builder) slice(x string, axis, from, to int64) string {
	return b.op("Slice", nil, x, b.ints(from), b.ints(to), b.ints(axis))
}

// end is far behind the end of any dimension.
const end = 1 << 60

// number is a constant scalar.
func (b *builder) number(v float64) string {
	key := fmt.Sprintf("number %v", float32(v))
	if name, ok := b.constants[key]; ok {
		return name
	}
	name := fmt.Sprintf("c%d", len(b.constants))
	b.constants[key] = name
	b.g.Initializers = append(b.g.Initializers, onnx.Tensor{Name: name, Dims: []int64{}, Floats: []float32{float32(v)}})
	return name
}

// ints is a constant list.
func (b *builder) ints(v ...int64) string {
	key := fmt.Sprint("ints ", v)
	if name, ok := b.constants[key]; ok {
		return name
	}
	name := fmt.Sprintf("c%d", len(b.constants))
	b.constants[key] = name
	return b.g.Ints(name, v...)
}

// integer is a constant scalar.
func (b *builder) integer(v int64) string {
	key := fmt.Sprint("integer ", v)
	if name, ok := b.constants[key]; ok {
		return name
	}
	name := fmt.Sprintf("c%d", len(b.constants))
	b.constants[key] = name
	b.g.Initializers = append(b.g.Initializers, onnx.Tensor{Name: name, Dims: []int64{}, Ints: []int64{v}})
	return name
}

// sizes is the shape of x from dimension from up to to, as a list that Reshape
// takes.
func (b *builder) sizes(x string, from, to int64) string {
	return b.slice(b.op("Shape", nil, x), 0, from, to)
}

// concat joins along a dimension.
func (b *builder) concat(axis int64, in ...string) string {
	return b.op("Concat", attrs{"axis": axis}, in...)
}

// param makes a parameter an input, once, and gives it.
func (b *builder) param(name string) string {
	shape, ok := b.shapes[name]
	if !ok {
		panic("graph: no parameter " + name)
	}
	if !b.used[name] {
		b.used[name] = true
		dims := make([]any, len(shape))
		for i, d := range shape {
			dims[i] = d
		}
		b.g.Inputs = append(b.g.Inputs, onnx.Port{Name: name, Type: onnx.Float, Dims: dims})
	}
	return name
}

// gradient says what a parameter's gradient is.
func (b *builder) gradient(name, value string) {
	if _, twice := b.grads[name]; twice {
		panic("graph: two gradients of " + name)
	}
	b.grads[name] = value
	b.order = append(b.order, name)
}

func (b *builder) input(name string, typ int, dims ...any) string {
	b.g.Inputs = append(b.g.Inputs, onnx.Port{Name: name, Type: typ, Dims: dims})
	return name
}

// output gives a value under a name of its own.
func (b *builder) output(name, value string, dims ...any) {
	b.g.Add("Identity", name, nil, value)
	b.g.Outputs = append(b.g.Outputs, onnx.Port{Name: name, Type: onnx.Float, Dims: dims})
}

// GradientPrefix begins the names of outputs that are gradients; the
// parameter's name follows.
const GradientPrefix = "gradient."

// outputGradients gives the gradients under their names. The operator that
// computes one writes its output directly, without a copy.
func (b *builder) outputGradients() {
	made := map[string]int{}
	for i, n := range b.g.Nodes {
		for _, o := range n.Outputs {
			made[o] = i
		}
	}
	for _, name := range b.order {
		value, out := b.grads[name], GradientPrefix+name
		shape := b.shapes[name]
		dims := make([]any, len(shape))
		for i, d := range shape {
			dims[i] = d
		}
		if name == tokenEmbedding {
			dims = []any{"length", "texts", shape[1]}
		}
		b.g.Outputs = append(b.g.Outputs, onnx.Port{Name: out, Type: onnx.Float, Dims: dims})
		b.rename(made[value], value, out)
	}
}

// rename gives an operator's output another name, for those who read it too.
func (b *builder) rename(node int, from, to string) {
	for i := node; i < len(b.g.Nodes); i++ {
		n := &b.g.Nodes[i]
		for j, s := range n.Outputs {
			if s == from {
				n.Outputs[j] = to
			}
		}
		for j, s := range n.Inputs {
			if s == from {
				n.Inputs[j] = to
			}
		}
	}
	for name, v := range b.grads {
		if v == from {
			b.grads[name] = to
		}
	}
}
