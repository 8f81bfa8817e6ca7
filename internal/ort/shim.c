#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>

static const OrtApi *api;
static const char *version;
static OrtEnv *env;
static OrtAllocator *plain; // the runtime's default allocator on the host

#define TRY(call)              \
  do {                         \
    OrtStatus *st_ = (call);   \
    if (st_ != NULL) return st_; \
  } while (0)

int rc_attach(const char *path) {
  void *lib = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  if (lib == NULL) return 1;
  const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(lib, "OrtGetApiBase");
  if (base == NULL) return 2;
  api = base()->GetApi(ORT_API_VERSION);
  version = base()->GetVersionString();
  return api == NULL ? 3 : 0;
}

// share_arena gives all sessions one arena of host memory, in the place of one
// for each, and lets it grow by what is asked for, not by doubling: with shapes
// that change at every step both keep a process's memory where it soon is.
static OrtStatus *share_arena(void) {
  static const char *const keys[] = {"max_mem", "arena_extend_strategy"};
  static const size_t values[] = {0, 1}; // no bound, as requested
  OrtArenaCfg *cfg;
  OrtMemoryInfo *host;
  TRY(api->CreateArenaCfgV2(keys, values, 2, &cfg));
  OrtStatus *st = api->CreateMemoryInfo("Cpu", OrtArenaAllocator, 0, OrtMemTypeDefault, &host);
  if (st == NULL) {
    st = api->CreateAndRegisterAllocator(env, host, cfg);
    api->ReleaseMemoryInfo(host);
  }
  api->ReleaseArenaCfg(cfg);
  return st;
}

OrtStatus *rc_open_env(void) {
  // The environment is one per process; this takes a share in it.
  TRY(api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "recaption", &env));
  TRY(share_arena());
  return api->GetAllocatorWithDefaultOptions(&plain);
}

const char *rc_version(void) { return version; }
const char *rc_status_message(const OrtStatus *s) { return api->GetErrorMessage(s); }
int rc_status_code(const OrtStatus *s) { return api->GetErrorCode(s); }
void rc_release_status(OrtStatus *s) { api->ReleaseStatus(s); }

OrtStatus *rc_providers(char ***names, int *n) { return api->GetAvailableProviders(names, n); }
void rc_release_providers(char **names, int n) {
  OrtStatus *s = api->ReleaseAvailableProviders(names, n);
  if (s != NULL) api->ReleaseStatus(s);
}

OrtStatus *rc_memory_info(const char *name, int id, OrtMemoryInfo **out) {
  return api->CreateMemoryInfo(name, OrtDeviceAllocator, id, OrtMemTypeDefault, out);
}
void rc_release_memory_info(OrtMemoryInfo *m) { api->ReleaseMemoryInfo(m); }

OrtStatus *rc_tensor(OrtAllocator *a, const int64_t *shape, size_t rank, int type, OrtValue **out) {
  return api->CreateTensorAsOrtValue(a == NULL ? plain : a, shape, rank, (ONNXTensorElementDataType)type, out);
}
OrtStatus *rc_tensor_over(const OrtMemoryInfo *m, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, OrtValue **out) {
  return api->CreateTensorWithDataAsOrtValue(m, data, bytes, shape, rank, (ONNXTensorElementDataType)type, out);
}
OrtStatus *rc_allocator(const OrtSession *s, const OrtMemoryInfo *m, OrtAllocator **out) { return api->CreateAllocator(s, m, out); }
void rc_release_allocator(OrtAllocator *a) { api->ReleaseAllocator(a); }
void rc_release_value(OrtValue *v) { api->ReleaseValue(v); }

OrtStatus *rc_describe(const OrtValue *v, int *type, size_t *rank, int64_t *shape, size_t max, void **data, size_t *bytes, int *device) {
  int is_tensor = 0;
  TRY(api->IsTensor(v, &is_tensor));
  if (!is_tensor) return api->CreateStatus(ORT_INVALID_ARGUMENT, "the value is not a tensor");
  OrtTensorTypeAndShapeInfo *info;
  TRY(api->GetTensorTypeAndShape(v, &info));
  ONNXTensorElementDataType t = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  OrtStatus *st = api->GetTensorElementType(info, &t);
  if (st == NULL) st = api->GetDimensionsCount(info, rank);
  if (st == NULL && *rank > max) st = api->CreateStatus(ORT_INVALID_ARGUMENT, "the tensor has too many dimensions");
  if (st == NULL) st = api->GetDimensions(info, shape, *rank);
  api->ReleaseTensorTypeAndShapeInfo(info);
  if (st != NULL) return st;
  *type = t;
  const OrtMemoryInfo *mem;
  TRY(api->GetTensorMemoryInfo(v, &mem));
  OrtMemoryInfoDeviceType d;
  api->MemoryInfoGetDeviceType(mem, &d);
  *device = d;
  TRY(api->GetTensorSizeInBytes(v, bytes));
  return api->GetTensorMutableData((OrtValue *)v, data);
}

static OrtStatus *use_cuda(OrtSessionOptions *so, const rc_options *o) {
  OrtCUDAProviderOptionsV2 *cuda;
  TRY(api->CreateCUDAProviderOptions(&cuda));
  OrtStatus *st = api->UpdateCUDAProviderOptions(cuda, o->cuda_keys, o->cuda_values, o->cuda_n);
  if (st == NULL) st = api->SessionOptionsAppendExecutionProvider_CUDA_V2(so, cuda);
  api->ReleaseCUDAProviderOptions(cuda);
  return st;
}

static OrtStatus *set_options(OrtSessionOptions *so, const rc_options *o) {
  TRY(api->SetIntraOpNumThreads(so, o->intra));
  TRY(api->SetInterOpNumThreads(so, o->inter));
  TRY(api->SetSessionGraphOptimizationLevel(so, (GraphOptimizationLevel)o->optimization));
  TRY(api->SetSessionExecutionMode(so, o->parallel ? ORT_PARALLEL : ORT_SEQUENTIAL));
  // Patterns serve one shape only, and shapes change with every step here.
  TRY(api->DisableMemPattern(so));
  TRY(o->arena ? api->EnableCpuMemArena(so) : api->DisableCpuMemArena(so));
  TRY(api->AddSessionConfigEntry(so, "session.use_env_allocators", o->arena ? "1" : "0"));
  // What fails is returned; the runtime need not print it too.
  TRY(api->SetSessionLogSeverityLevel(so, ORT_LOGGING_LEVEL_FATAL));
  TRY(api->AddSessionConfigEntry(so, "session.intra_op.allow_spinning", o->spin ? "1" : "0"));
  TRY(api->AddSessionConfigEntry(so, "session.inter_op.allow_spinning", o->spin ? "1" : "0"));
  for (size_t i = 0; i < o->n; i++) TRY(api->AddSessionConfigEntry(so, o->keys[i], o->values[i]));
  if (o->profile != NULL) TRY(api->EnableProfiling(so, o->profile));
  return o->cuda ? use_cuda(so, o) : NULL;
}

OrtStatus *rc_create_session(const char *path, const void *model, size_t bytes, const rc_options *o, OrtSession **out) {
  OrtSessionOptions *so;
  TRY(api->CreateSessionOptions(&so));
  struct sigaction kept[NSIG];
  int have[NSIG];
  for (int i = 1; i < NSIG; i++) have[i] = sigaction(i, NULL, &kept[i]) == 0;
  OrtStatus *st = set_options(so, o);
  if (st == NULL) {
    st = model != NULL ? api->CreateSessionFromArray(env, model, bytes, so, out)
                       : api->CreateSession(env, path, so, out);
  }
  for (int i = 1; i < NSIG; i++) {
    struct sigaction now;
    if (have[i] && sigaction(i, NULL, &now) == 0 && now.sa_sigaction != kept[i].sa_sigaction) sigaction(i, &kept[i], NULL);
  }
  api->ReleaseSessionOptions(so);
  return st;
}
void rc_release_session(OrtSession *s) { api->ReleaseSession(s); }

OrtStatus *rc_port_count(const OrtSession *s, int output, size_t *n) {
  return output ? api->SessionGetOutputCount(s, n) : api->SessionGetInputCount(s, n);
}

static OrtStatus *port_shape(const OrtTypeInfo *ti, int *type, size_t *rank, int64_t *dims, char **symbols, size_t max) {
  enum ONNXType kind;
  TRY(api->GetOnnxTypeFromTypeInfo(ti, &kind));
  *type = 0;
  *rank = 0;
  if (kind != ONNX_TYPE_TENSOR) return NULL; // type stays undefined: the caller refuses what it uses
  const OrtTensorTypeAndShapeInfo *info;
  TRY(api->CastTypeInfoToTensorInfo(ti, &info));
  ONNXTensorElementDataType t;
  TRY(api->GetTensorElementType(info, &t));
  *type = t;
  TRY(api->GetDimensionsCount(info, rank));
  if (*rank > max) return api->CreateStatus(ORT_INVALID_ARGUMENT, "an input or output has too many dimensions");
  TRY(api->GetDimensions(info, dims, *rank));
  const char *names[*rank + 1];
  TRY(api->GetSymbolicDimensions(info, names, *rank));
  for (size_t i = 0; i < *rank; i++) symbols[i] = strdup(names[i]);
  return NULL;
}

OrtStatus *rc_port(const OrtSession *s, int output, size_t i, char **name, int *type, size_t *rank, int64_t *dims, char **symbols, size_t max) {
  char *theirs;
  TRY(output ? api->SessionGetOutputName(s, i, plain, &theirs) : api->SessionGetInputName(s, i, plain, &theirs));
  *name = strdup(theirs);
  OrtStatus *freed = api->AllocatorFree(plain, theirs);
  if (freed != NULL) return freed;
  OrtTypeInfo *ti;
  TRY(output ? api->SessionGetOutputTypeInfo(s, i, &ti) : api->SessionGetInputTypeInfo(s, i, &ti));
  OrtStatus *st = port_shape(ti, type, rank, dims, symbols, max);
  api->ReleaseTypeInfo(ti);
  return st;
}

OrtStatus *rc_end_profiling(OrtSession *s, char **file) {
  char *theirs;
  TRY(api->SessionEndProfiling(s, plain, &theirs));
  *file = strdup(theirs);
  return api->AllocatorFree(plain, theirs);
}

OrtStatus *rc_create_binding(OrtSession *s, OrtIoBinding **b) { return api->CreateIoBinding(s, b); }
void rc_release_binding(OrtIoBinding *b) { api->ReleaseIoBinding(b); }
OrtStatus *rc_create_run_options(OrtRunOptions **o) { return api->CreateRunOptions(o); }
void rc_release_run_options(OrtRunOptions *o) { api->ReleaseRunOptions(o); }
OrtStatus *rc_terminate(OrtRunOptions *o, int on) { return on ? api->RunOptionsSetTerminate(o) : api->RunOptionsUnsetTerminate(o); }

static OrtStatus *bind_and_run(OrtSession *s, OrtIoBinding *b, const OrtRunOptions *o,
                               const char **in, OrtValue **values, size_t n_in,
                               const char **out, OrtValue **given, OrtMemoryInfo **where, OrtValue **outputs, size_t n_out) {
  for (size_t i = 0; i < n_in; i++) TRY(api->BindInput(b, in[i], values[i]));
  for (size_t i = 0; i < n_out; i++) {
    if (given[i] != NULL) {
      TRY(api->BindOutput(b, out[i], given[i]));
    } else {
      TRY(api->BindOutputToDevice(b, out[i], where[i]));
    }
  }
  TRY(api->RunWithBinding(s, o, b));
  OrtValue **found = NULL;
  size_t n = 0;
  TRY(api->GetBoundOutputValues(b, plain, &found, &n));
  for (size_t i = 0; i < n && i < n_out; i++) {
    if (given[i] != NULL) {
      api->ReleaseValue(found[i]);
      outputs[i] = NULL;
    } else {
      outputs[i] = found[i];
    }
  }
  return found == NULL ? NULL : api->AllocatorFree(plain, found);
}

OrtStatus *rc_run(OrtSession *s, OrtIoBinding *b, const OrtRunOptions *o,
                  const char **in, OrtValue **values, size_t n_in,
                  const char **out, OrtValue **given, OrtMemoryInfo **where, OrtValue **outputs, size_t n_out) {
  OrtStatus *st = bind_and_run(s, b, o, in, values, n_in, out, given, where, outputs, n_out);
  // A binding keeps its values alive; what was bound must not outlive this call.
  api->ClearBoundInputs(b);
  api->ClearBoundOutputs(b);
  return st;
}
