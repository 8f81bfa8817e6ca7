// Package ort runs ONNX graphs with ONNX Runtime, on a CPU or a GPU alike.
//
// It opens the runtime's library through onnxruntime_go, which keeps the
// process's one environment, and reaches the same library through a thin C
// layer of its own for what that binding lacks: tensors in the memory of a
// device, outputs that stay where the runtime puts them, symbolic dimensions.
//
// Terms. A Session is a loaded graph; its ports are its inputs and outputs. A
// Value is a tensor and owns its memory until Close. A Runner runs a session;
// it belongs to one goroutine at a time, while a session may have any number of
// them at once. Nothing here is freed by the garbage collector: who gets a
// Session, Runner or Value closes it. Use after Close is an error wrapping
// ErrClosed, never a crash.
package ort
