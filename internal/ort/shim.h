// A thin layer over the C interface of ONNX Runtime: what the Go binding lacks
// (device memory, outputs that stay where they are, symbolic dimensions). Every
// function that can fail returns a status, NULL for success, that the caller
// releases with rc_release_status.
#ifndef RECAPTION_ORT_SHIM_H
#define RECAPTION_ORT_SHIM_H

#include "onnxruntime_c_api.h"

// rc_attach finds the interface in the library at path, which must be loaded
// already. It returns 0, or 1 not loaded, 2 no entry point, 3 too old.
int rc_attach(const char *path);
OrtStatus *rc_open_env(void);
const char *rc_version(void);
const char *rc_status_message(const OrtStatus *s);
int rc_status_code(const OrtStatus *s);
void rc_release_status(OrtStatus *s);
OrtStatus *rc_providers(char ***names, int *n);
void rc_release_providers(char **names, int n);

// Memory.
OrtStatus *rc_memory_info(const char *name, int id, OrtMemoryInfo **out);
void rc_release_memory_info(OrtMemoryInfo *m);
OrtStatus *rc_tensor(OrtAllocator *a, const int64_t *shape, size_t rank, int type, OrtValue **out);
OrtStatus *rc_tensor_over(const OrtMemoryInfo *m, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, OrtValue **out);
OrtStatus *rc_allocator(const OrtSession *s, const OrtMemoryInfo *m, OrtAllocator **out);
void rc_release_allocator(OrtAllocator *a);
OrtStatus *rc_describe(const OrtValue *v, int *type, size_t *rank, int64_t *shape, size_t max, void **data, size_t *bytes, int *device);
void rc_release_value(OrtValue *v);

// Sessions. rc_create_session keeps the process's signal handlers as they
// were: the CUDA provider replaces them without SA_ONSTACK, which Go needs.
typedef struct {
  int intra, inter, optimization, parallel, spin, arena, cuda;
  const char *profile;
  const char **cuda_keys, **cuda_values;
  size_t cuda_n;
  const char **keys, **values;
  size_t n;
} rc_options;
OrtStatus *rc_create_session(const char *path, const void *model, size_t bytes, const rc_options *o, OrtSession **out);
void rc_release_session(OrtSession *s);
OrtStatus *rc_port_count(const OrtSession *s, int output, size_t *n);
// name and the symbols belong to the caller (free); symbols are "" where a
// dimension is fixed.
OrtStatus *rc_port(const OrtSession *s, int output, size_t i, char **name, int *type, size_t *rank, int64_t *dims, char **symbols, size_t max);
OrtStatus *rc_end_profiling(OrtSession *s, char **file);

// Running.
OrtStatus *rc_create_binding(OrtSession *s, OrtIoBinding **b);
void rc_release_binding(OrtIoBinding *b);
OrtStatus *rc_create_run_options(OrtRunOptions **o);
void rc_release_run_options(OrtRunOptions *o);
OrtStatus *rc_terminate(OrtRunOptions *o, int on);
// rc_run binds the inputs and outputs, runs, and hands out the output values in
// the order given; output i is written into given[i] where that is not NULL (and
// outputs[i] is NULL then), else allocated on where[i].
OrtStatus *rc_run(OrtSession *s, OrtIoBinding *b, const OrtRunOptions *o,
                  const char **in, OrtValue **values, size_t n_in,
                  const char **out, OrtValue **given, OrtMemoryInfo **where, OrtValue **outputs, size_t n_out);

#endif
