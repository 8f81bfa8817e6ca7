package ort

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// A Device is where tensors lie and graphs run: the host, or one GPU. The zero
// value is the host.
type Device struct {
	cuda bool
	id   int
}

// CPU is the host.
var CPU = Device{}

// CUDA is the GPU with this number.
func CUDA(id int) Device { return Device{cuda: true, id: id} }

// ParseDevice reads "cpu", "cuda" or "cuda:N".
func ParseDevice(s string) (Device, error) {
	if s == "cpu" {
		return CPU, nil
	}
	if s == "cuda" {
		return CUDA(0), nil
	}
	if n, ok := strings.CutPrefix(s, "cuda:"); ok {
		if id, err := strconv.ParseUint(n, 10, 16); err == nil {
			return CUDA(int(id)), nil
		}
	}
	return Device{}, fmt.Errorf("device %q: want cpu, cuda or cuda:N", s)
}

func (d Device) String() string {
	if d.cuda {
		return "cuda:" + strconv.Itoa(d.id)
	}
	return "cpu"
}

// Host says whether d is the host.
func (d Device) Host() bool { return !d.cuda }

// memoryName is the runtime's name for the device's memory. It is all that
// differs between devices.
func (d Device) memoryName() string {
	if d.cuda {
		return "Cuda"
	}
	return "Cpu"
}

// memories keeps one description of memory per device for the process's life.
var memories struct {
	sync.Mutex
	of map[Device]*C.OrtMemoryInfo
}

func (d Device) memory() (*C.OrtMemoryInfo, error) {
	memories.Lock()
	defer memories.Unlock()
	if m := memories.of[d]; m != nil {
		return m, nil
	}
	name := C.CString(d.memoryName())
	defer C.free(unsafe.Pointer(name))
	var m *C.OrtMemoryInfo
	if err := check(C.rc_memory_info(name, C.int(d.id), &m), "describe the memory of", d.String()); err != nil {
		return nil, err
	}
	if memories.of == nil {
		memories.of = map[Device]*C.OrtMemoryInfo{}
	}
	memories.of[d] = m
	return m, nil
}
