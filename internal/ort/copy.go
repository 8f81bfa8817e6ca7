package ort

import (
	"fmt"
	"sync"

	"recaption/internal/ort/onnx"
)

// A Copier moves tensors between the host and a device. It is safe for
// concurrent use.
type Copier struct {
	device Device

	mu       sync.Mutex
	sessions map[copyKey]*Session
}

type copyKey struct {
	typ  Type
	rank int
}

// NewCopier makes a copier for one device.
func NewCopier(d Device) *Copier {
	return &Copier{device: d, sessions: map[copyKey]*Session{}}
}

// Copy gives a new tensor with v's contents, on the copier's device or on the host.
func (c *Copier) Copy(v *Value, to Device) (*Value, error) {
	if to != CPU && to != c.device {
		return nil, fmt.Errorf("copy tensor to %s: the copier serves %s", to, c.device)
	}
	s, err := c.session(copyKey{v.Type(), len(v.Shape())})
	if err != nil {
		return nil, err
	}
	r, err := s.NewRunner()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	got, err := r.Run([]Feed{{"x", v}}, []Fetch{{Name: "y", On: to}})
	if err != nil {
		return nil, err
	}
	return got[0], nil
}

func (c *Copier) session(k copyKey) (*Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions[k]; s != nil {
		return s, nil
	}
	dims := make([]any, k.rank)
	for i := range dims {
		dims[i] = fmt.Sprintf("d%d", i)
	}
	g := onnx.Graph{
		Name:    "copy",
		Inputs:  []onnx.Port{{Name: "x", Type: int(k.typ), Dims: dims}},
		Outputs: []onnx.Port{{Name: "y", Type: int(k.typ), Dims: dims}},
	}
	g.Add("Identity", "y", nil, "x")
	s, err := LoadBytes(fmt.Sprintf("copy %s[%d]", k.typ, k.rank), g.Marshal(), Options{Device: c.device, IntraThreads: 1, Optimization: OptimizeNone})
	if err != nil {
		return nil, err
	}
	c.sessions[k] = s
	return s, nil
}

// Close releases what the copier loaded; it may be used again after.
func (c *Copier) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		s.Close()
	}
	clear(c.sessions)
}
