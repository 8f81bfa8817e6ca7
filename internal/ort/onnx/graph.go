// Package onnx writes small graphs as ONNX bytes, and reads from a model's file
// which operators it uses. It knows the format's wire encoding (protocol
// buffers, onnx.proto of the ONNX project) and nothing of a runtime.
package onnx

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// The numbers of the element types that are used here; they are also those of ONNX Runtime.
const (
	Float   = 1
	Int64   = 7
	Boolean = 9
	Float16 = 10
)

// opset is old enough for every runtime in use and has all that is written here;
// irVersion is the one that belongs to it.
const (
	opset     = 17
	irVersion = 8
)

// A Graph is a model of one graph in the default operator set, version 17.
type Graph struct {
	Name         string
	Inputs       []Port
	Outputs      []Port
	Initializers []Tensor
	Nodes        []Node
}

// A Port is an input or output. A dimension is an int (its size) or a string (a symbol).
type Port struct {
	Name string
	Type int
	Dims []any
}

// A Tensor is a constant: exactly one of the data fields is set. Without
// dimensions it is a scalar.
type Tensor struct {
	Name   string
	Dims   []int64
	Floats []float32
	Ints   []int64
	Bools  []bool
}

// A Node applies an operator. Attrs are int64, int, float32, string, []int64 or
// Tensor.
type Node struct {
	Op      string
	Domain  string
	Inputs  []string
	Outputs []string
	Attrs   map[string]any
}

// Add appends a node and returns its first output's name, which is out.
func (g *Graph) Add(op, out string, attrs map[string]any, inputs ...string) string {
	g.Nodes = append(g.Nodes, Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

// Ints adds a constant of one dimension and returns its name.
func (g *Graph) Ints(name string, v ...int64) string {
	g.Initializers = append(g.Initializers, Tensor{Name: name, Dims: []int64{int64(len(v))}, Ints: v})
	return name
}

// Marshal encodes the model. Equal graphs give equal bytes.
func (g *Graph) Marshal() []byte {
	var m message
	m.varint(1, irVersion)
	m.text(2, "recaption")
	m.nested(7, g.encode())
	var version message
	version.text(1, "")
	version.varint(2, opset)
	m.nested(8, version)
	for _, n := range g.Nodes {
		if n.Domain != "" {
			var other message
			other.text(1, n.Domain)
			other.varint(2, 1)
			m.nested(8, other)
			break
		}
	}
	return m
}

func (g *Graph) encode() message {
	var m message
	for _, n := range g.Nodes {
		m.nested(1, n.encode())
	}
	m.text(2, g.Name)
	for _, t := range g.Initializers {
		m.nested(5, t.encode())
	}
	for _, p := range g.Inputs {
		m.nested(11, p.encode())
	}
	for _, p := range g.Outputs {
		m.nested(12, p.encode())
	}
	return m
}

func (n Node) encode() message {
	var m message
	for _, s := range n.Inputs {
		m.text(1, s)
	}
	for _, s := range n.Outputs {
		m.text(2, s)
	}
	m.text(4, n.Op)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		m.nested(5, attribute(name, n.Attrs[name]))
	}
	if n.Domain != "" {
		m.text(7, n.Domain)
	}
	return m
}

// attribute panics on a type it does not know: attributes are written by this
// program alone.
func attribute(name string, v any) message {
	var m message
	m.text(1, name)
	switch v := v.(type) {
	case float32:
		m.fixed32(2, math.Float32bits(v))
		m.varint(20, 1)
	case int64:
		m.varint(3, uint64(v))
		m.varint(20, 2)
	case int:
		m.varint(3, uint64(int64(v)))
		m.varint(20, 2)
	case string:
		m.text(4, v)
		m.varint(20, 3)
	case []int64:
		for _, i := range v {
			m.varint(8, uint64(i))
		}
		m.varint(20, 7)
	case Tensor:
		m.nested(5, v.encode())
		m.varint(20, 4)
	default:
		panic("onnx: attribute " + name + " has an unknown type")
	}
	return m
}

func (t Tensor) encode() message {
	var m message
	for _, d := range t.Dims {
		m.varint(1, uint64(d))
	}
	var raw []byte
	switch {
	case t.Floats != nil:
		m.varint(2, Float)
		for _, f := range t.Floats {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
		}
	case t.Bools != nil:
		m.varint(2, Boolean)
		for _, b := range t.Bools {
			raw = append(raw, map[bool]byte{true: 1}[b])
		}
	default:
		m.varint(2, Int64)
		for _, i := range t.Ints {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(i))
		}
	}
	m.text(8, t.Name)
	m.nested(9, raw)
	return m
}

func (p Port) encode() message {
	var shape message
	for _, d := range p.Dims {
		var dim message
		switch d := d.(type) {
		case string:
			dim.text(2, d)
		case int:
			dim.varint(1, uint64(d))
		case int64:
			dim.varint(1, uint64(d))
		}
		shape.nested(1, dim)
	}
	var tensor, typ, m message
	tensor.varint(1, uint64(p.Type))
	tensor.nested(2, shape)
	typ.nested(1, tensor)
	m.text(1, p.Name)
	m.nested(2, typ)
	return m
}

// A message is a protocol buffer that is being written.
type message []byte

func (m *message) key(field, wire uint64) { *m = binary.AppendUvarint(*m, field<<3|wire) }

func (m *message) varint(field, v uint64) {
	m.key(field, 0)
	*m = binary.AppendUvarint(*m, v)
}

func (m *message) fixed32(field uint64, v uint32) {
	m.key(field, 5)
	*m = binary.LittleEndian.AppendUint32(*m, v)
}

func (m *message) nested(field uint64, b []byte) {
	m.key(field, 2)
	*m = append(binary.AppendUvarint(*m, uint64(len(b))), b...)
}

func (m *message) text(field uint64, s string) { m.nested(field, []byte(s)) }
