package ort

// #cgo CFLAGS: -I${SRCDIR}/include -O2
// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"recaption/internal/ort/library"
)

// opened guards the one library a process may load.
var opened struct {
	sync.Mutex
	path string
	ok   bool
}

// Open loads the runtime's library from path, or from where library.Find finds
// it when path is empty. It may be called any number of times; a process keeps
// its first library, and another path is an error.
func Open(path string) error {
	opened.Lock()
	defer opened.Unlock()
	if opened.ok && (path == "" || path == opened.path) {
		return nil
	}
	if opened.ok {
		return fmt.Errorf("open onnx runtime %s: %s is loaded already, and a process has only one", path, opened.path)
	}
	if path == "" {
		found, err := library.Find()
		if err != nil {
			return err
		}
		path = found
	}
	if err := quiet(); err != nil {
		return err
	}
	if err := load(path); err != nil {
		return fmt.Errorf("open onnx runtime %s: %w", path, err)
	}
	opened.path, opened.ok = path, true
	return nil
}

// quiet keeps the runtime from reporting to its makers: from 1.29 on a loaded
// library sends usage events on Linux too, from the moment its environment is
// made, unless the process's environment says no. Who sets the variable
// otherwise is heeded.
func quiet() error {
	const name = "ORT_DISABLE_TELEMETRY"
	if _, ok := os.LookupEnv(name); ok {
		return nil
	}
	return os.Setenv(name, "1") // with cgo that reaches the C library too
}

func load(path string) error {
	if !onnxruntime.IsInitialized() {
		onnxruntime.SetSharedLibraryPath(path)
		if err := onnxruntime.InitializeEnvironment(onnxruntime.WithLogLevelFatal()); err != nil {
			return err
		}
	}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	switch C.rc_attach(cpath) {
	case 0:
	case 1:
		return errors.New("the library is not loaded under this path")
	case 2:
		return errors.New("the library has no entry point OrtGetApiBase")
	default:
		return fmt.Errorf("the library is too old: version %s, need at least 1.24", C.GoString(C.rc_version()))
	}
	return check(C.rc_open_env(), "start", "the runtime's environment")
}

func isOpen() error {
	opened.Lock()
	defer opened.Unlock()
	if !opened.ok {
		return ErrNotOpen
	}
	return nil
}

// A Runtime says which library a process uses.
type Runtime struct {
	Path      string   `json:"path"`
	Version   string   `json:"version"`
	Providers []string `json:"providers"` // what it was built with, not what this machine has
}

// Describe says which library is open. It needs Open.
func Describe() (Runtime, error) {
	if err := isOpen(); err != nil {
		return Runtime{}, err
	}
	var names **C.char
	var n C.int
	if err := check(C.rc_providers(&names, &n), "list", "the runtime's providers"); err != nil {
		return Runtime{}, err
	}
	defer C.rc_release_providers(names, n)
	r := Runtime{Path: opened.path, Version: C.GoString(C.rc_version())}
	for _, name := range unsafe.Slice(names, int(n)) {
		r.Providers = append(r.Providers, C.GoString(name))
	}
	return r, nil
}
