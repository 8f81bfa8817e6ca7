package ort

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// A Dim is one dimension of a port: a size, or a symbol (perhaps empty) where
// the size is -1.
type Dim struct {
	Size   int64
	Symbol string
}

func (d Dim) String() string {
	if d.Size >= 0 {
		return strconv.FormatInt(d.Size, 10)
	}
	if d.Symbol == "" {
		return "?"
	}
	return d.Symbol
}

// A Port is an input or output as the graph's file declares it. Type is
// Undefined for what is no tensor.
type Port struct {
	Name string
	Type Type
	Dims []Dim
}

func (p Port) String() string {
	dims := make([]string, len(p.Dims))
	for i, d := range p.Dims {
		dims[i] = d.String()
	}
	return fmt.Sprintf("%s %s[%s]", p.Name, p.Type, strings.Join(dims, ","))
}

// Optimization is how far the runtime rewrites a graph when it loads it.
type Optimization int

// The levels of optimization; the zero value is all of it.
const (
	OptimizeAll Optimization = iota
	OptimizeExtended
	OptimizeBasic
	OptimizeNone
)

// Options say how a session runs. The zero value runs on all cores of the host.
type Options struct {
	Device       Device
	IntraThreads int // threads within one operator; 0 is the number of cores
	InterThreads int // operators at once; 0 or 1 is one after the other
	Optimization Optimization
	Spin         bool              // threads wait for work busily: faster alone, a waste where others need the cores
	NoArena      bool              // give memory back at once instead of keeping it for the next run
	Profile      string            // prefix of a trace file, written by EndProfiling
	Entries      map[string]string // the runtime's own session configuration entries
	Provider     map[string]string // options of the CUDA provider
}

// A Session is a loaded graph. All methods may be called from any goroutine.
type Session struct {
	name    string
	device  Device
	inputs  []Port
	outputs []Port
	names   map[string]*C.char

	mu  sync.RWMutex // held for reading while the session is in use
	ptr *C.OrtSession
	all map[Device]*C.OrtAllocator // made by Alloc; guarded by allMu
	muA sync.Mutex
}

// Load reads a graph from a file, with external data beside it.
func Load(path string, o Options) (*Session, error) {
	return loadSession(path, path, nil, o)
}

// LoadBytes reads a graph from memory; name stands for it in errors.
func LoadBytes(name string, model []byte, o Options) (*Session, error) {
	if len(model) == 0 {
		return nil, fmt.Errorf("load graph %s: it is empty", name)
	}
	return loadSession(name, "", model, o)
}

func loadSession(name, path string, model []byte, o Options) (*Session, error) {
	if err := isOpen(); err != nil {
		return nil, err
	}
	var pins cstrings
	defer pins.free()
	co := o.c(&pins)
	var data unsafe.Pointer
	if model != nil {
		data = unsafe.Pointer(&model[0])
	}
	s := &Session{name: name, device: o.Device, names: map[string]*C.char{}, all: map[Device]*C.OrtAllocator{}}
	if err := check(C.rc_create_session(pins.add(path), data, C.size_t(len(model)), &co, &s.ptr), "load graph", name); err != nil {
		return nil, err
	}
	var err error
	if s.inputs, err = s.ports(0); err == nil {
		s.outputs, err = s.ports(1)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	for _, p := range slices.Concat(s.inputs, s.outputs) {
		if s.names[p.Name] == nil {
			s.names[p.Name] = C.CString(p.Name)
		}
	}
	return s, nil
}

func (o Options) c(pins *cstrings) C.rc_options {
	co := C.rc_options{
		intra:        C.int(o.IntraThreads),
		inter:        C.int(max(o.InterThreads, 1)),
		optimization: [...]C.int{99, 2, 1, 0}[o.Optimization],
		spin:         cbool(o.Spin),
		arena:        cbool(!o.NoArena),
		parallel:     cbool(o.InterThreads > 1),
		cuda:         cbool(o.Device.cuda),
	}
	if o.Profile != "" {
		co.profile = pins.add(o.Profile)
	}
	co.keys, co.values, co.n = pins.table(o.Entries)
	if o.Device.cuda {
		provider := map[string]string{"device_id": strconv.Itoa(o.Device.id)}
		for k, v := range o.Provider {
			provider[k] = v
		}
		co.cuda_keys, co.cuda_values, co.cuda_n = pins.table(provider)
	}
	return co
}

func (s *Session) ports(output C.int) ([]Port, error) {
	var n C.size_t
	if err := check(C.rc_port_count(s.ptr, output, &n), "read the ports of", s.name); err != nil {
		return nil, err
	}
	ports := make([]Port, n)
	for i := range ports {
		var name *C.char
		var typ C.int
		var rank C.size_t
		var dims [maxRank]int64
		var symbols [maxRank]*C.char
		st := C.rc_port(s.ptr, output, C.size_t(i), &name, &typ, &rank, (*C.int64_t)(&dims[0]), &symbols[0], maxRank)
		p := Port{Name: C.GoString(name), Type: Type(typ)}
		C.free(unsafe.Pointer(name))
		if err := check(st, "read port "+p.Name+" of", s.name); err != nil {
			return nil, err
		}
		for j := range int(rank) {
			p.Dims = append(p.Dims, Dim{Size: dims[j], Symbol: C.GoString(symbols[j])})
			C.free(unsafe.Pointer(symbols[j]))
		}
		ports[i] = p
	}
	return ports, nil
}

// Name is the file or name the graph was loaded from.
func (s *Session) Name() string { return filepath.Base(s.name) }

// Device is where the session runs.
func (s *Session) Device() Device { return s.device }

// Inputs and Outputs are in the order of the graph; not to be changed.
func (s *Session) Inputs() []Port { return s.inputs }

// Outputs are in the order of the graph; not to be changed.
func (s *Session) Outputs() []Port { return s.outputs }

// Input finds an input by name.
func (s *Session) Input(name string) (Port, bool) { return find(s.inputs, name) }

// Output finds an output by name.
func (s *Session) Output(name string) (Port, bool) { return find(s.outputs, name) }

func find(ports []Port, name string) (Port, bool) {
	for _, p := range ports {
		if p.Name == name {
			return p, true
		}
	}
	return Port{}, false
}

// Alloc makes a tensor on the session's device. Its contents are not defined;
// it must be closed before the session.
func (s *Session) Alloc(t Type, shape []int64) (*Value, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ptr == nil {
		return nil, closedError("graph", s.name)
	}
	mem, err := s.device.memory()
	if err != nil {
		return nil, err
	}
	s.muA.Lock()
	defer s.muA.Unlock()
	if s.all[s.device] == nil {
		var a *C.OrtAllocator
		if err := check(C.rc_allocator(s.ptr, mem, &a), "get memory for", s.name); err != nil {
			return nil, err
		}
		s.all[s.device] = a
	}
	return makeWith(s.all[s.device], t, shape)
}

// EndProfiling writes the trace that Options.Profile asked for and returns its file.
func (s *Session) EndProfiling() (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ptr == nil {
		return "", closedError("graph", s.name)
	}
	var file *C.char
	if err := check(C.rc_end_profiling(s.ptr, &file), "write the profile of", s.name); err != nil {
		return "", err
	}
	defer C.free(unsafe.Pointer(file))
	return C.GoString(file), nil
}

// Close releases the graph. It waits for runs that are under way. Closing again
// does nothing.
func (s *Session) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ptr == nil {
		return
	}
	for _, a := range s.all {
		C.rc_release_allocator(a)
	}
	C.rc_release_session(s.ptr)
	s.ptr = nil
	for _, n := range s.names {
		C.free(unsafe.Pointer(n))
	}
}

// cstrings are C strings with one owner.
type cstrings []unsafe.Pointer

func (p *cstrings) add(s string) *C.char {
	c := C.CString(s)
	*p = append(*p, unsafe.Pointer(c))
	return c
}

// table puts a map into two C arrays.
func (p *cstrings) table(m map[string]string) (keys, values **C.char, n C.size_t) {
	if len(m) == 0 {
		return nil, nil, 0
	}
	size := C.size_t(len(m)) * C.size_t(unsafe.Sizeof((*C.char)(nil)))
	keys, values = (**C.char)(C.malloc(size)), (**C.char)(C.malloc(size))
	*p = append(*p, unsafe.Pointer(keys), unsafe.Pointer(values))
	k, v := unsafe.Slice(keys, len(m)), unsafe.Slice(values, len(m))
	i := 0
	for key, value := range m {
		k[i], v[i] = p.add(key), p.add(value)
		i++
	}
	return keys, values, C.size_t(len(m))
}

func (p *cstrings) free() {
	for _, c := range *p {
		C.free(c)
	}
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
