/* A stand-in for NVIDIA's driver library, for machines without a GPU: "device" memory is the host's.

   Streams are as lazy as they may be: work is done only when somebody waits for it, and in no other order
   than streams and events demand; with CUDA_STAND_IN_EAGER=0 or 1 every second stream runs ahead instead. Code
   that forgets to wait for a copy or a run therefore gets wrong numbers.
   Only what geoseg/runtimes/cuda.py and bench/gpu/measure.py call is here, with the signatures of the CUDA Driver API. */

#include <stdlib.h>
#include <string.h>

typedef void (*host_fn)(void *);
enum kind { COPY, HOST, RECORD, WAIT, LAUNCH };
struct event { unsigned long ticket, done; struct stream *in; };
struct op { enum kind kind; void *to; const void *from; size_t size; host_fn fn; struct event *event;
            unsigned long ticket; struct graph *graph; struct op *next; };
struct graph { struct op *first, *last; };
struct stream { struct graph queue; struct graph *capture; int eager; };

static size_t limit(void) { const char *t = getenv("CUDA_STAND_IN_MEMORY"); return t ? strtoull(t, 0, 10) : (size_t)8 << 30; }
static size_t taken = 0;

static void push(struct graph *g, struct op value) {
  struct op *op = malloc(sizeof *op);
  *op = value; op->next = NULL;
  if (g->last) g->last->next = op; else g->first = op;
  g->last = op;
}

static void drain_until(struct event *e, unsigned long ticket);
static void run(struct op *op) {
  if (op->kind == COPY) memcpy(op->to, op->from, op->size);
  else if (op->kind == HOST) op->fn(op->to);
  else if (op->kind == RECORD) op->event->done = op->ticket;
  else if (op->kind == WAIT) drain_until(op->event, op->ticket);
  else for (struct op *inner = op->graph->first; inner; inner = inner->next) run(inner);
}
static int step(struct stream *s) {
  struct op *op = s->queue.first;
  if (!op) return 0;
  s->queue.first = op->next;
  if (!op->next) s->queue.last = NULL;
  run(op);
  free(op);
  return 1;
}
static void queue(struct stream *s, struct op value) {
  push(s->capture ? s->capture : &s->queue, value);
  while (!s->capture && s->eager && step(s)) {}
}
static void drain_until(struct event *e, unsigned long ticket) { while (e->done < ticket && step(e->in)) {} }

int cuInit(unsigned flags) { (void)flags; return getenv("CUDA_STAND_IN_BROKEN") ? 100 : 0; }
int cuGetErrorName(int code, const char **text) {
  *text = code == 100 ? "CUDA_ERROR_NO_DEVICE" : code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_UNKNOWN"; return 0; }
int cuDeviceGetCount(int *n) { const char *t = getenv("CUDA_STAND_IN_GPUS"); *n = t ? atoi(t) : 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int size, int device) { (void)device; strncpy(name, "Stand-in GPU", size); return 0; }
int cuDeviceGetAttribute(int *value, int what, int device) { (void)device; *value = what == 75 ? 9 : 0; return 0; }
int cuDeviceTotalMem_v2(size_t *size, int device) { (void)device; *size = limit(); return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(long)(device + 1); return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return 0; }
int cuCtxSetCurrent(void *context) { return context ? 0 : 201; }
int cuMemAlloc_v2(void **p, size_t size) {
  if (taken + size > limit()) return 2;
  size_t *block = malloc(size + 16); block[0] = size; taken += size; *p = (char *)block + 16; return 0; }
int cuMemFree_v2(void *p) { size_t *block = (size_t *)((char *)p - 16); taken -= block[0]; free(block); return 0; }
int cuMemHostAlloc(void **p, size_t size, unsigned flags) { (void)flags; *p = malloc(size); return 0; }
int cuMemFreeHost(void *p) { free(p); return 0; }
int cuStreamCreate(void **out, unsigned flags) {
  static int made = 0;
  const char *which = getenv("CUDA_STAND_IN_EAGER");
  struct stream *s = calloc(1, sizeof(struct stream));
  (void)flags; s->eager = which && made % 2 == atoi(which); made += 1; *out = s; return 0; }
int cuStreamDestroy_v2(void *s) { free(s); return 0; }
int cuStreamSynchronize(void *s) { while (step(s)) {} return 0; }
int cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t size, void *s) {
  queue(s, (struct op){.kind = COPY, .to = to, .from = from, .size = size}); return 0; }
int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t size, void *s) { return cuMemcpyHtoDAsync_v2(to, from, size, s); }
int cuMemcpyHtoD_v2(void *to, const void *from, size_t size) { memcpy(to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, const void *from, size_t size) { memcpy(to, from, size); return 0; }
int cuLaunchHostFunc(void *s, host_fn fn, void *data) {
  queue(s, (struct op){.kind = HOST, .fn = fn, .to = data}); return 0; }
int cuEventCreate(void **e, unsigned flags) { (void)flags; *e = calloc(1, sizeof(struct event)); return 0; }
int cuEventDestroy_v2(void *e) { free(e); return 0; }
int cuEventRecord(void *event, void *s) {
  struct event *e = event; e->ticket += 1; e->in = s;
  queue(s, (struct op){.kind = RECORD, .event = e, .ticket = e->ticket}); return 0; }
int cuStreamWaitEvent(void *s, void *event, unsigned flags) {
  (void)flags; struct event *e = event;
  queue(s, (struct op){.kind = WAIT, .event = e, .ticket = e->ticket}); return 0; }
int cuEventSynchronize(void *event) { struct event *e = event; drain_until(e, e->ticket); return 0; }
int cuStreamBeginCapture_v2(void *stream, int mode) {
  (void)mode; struct stream *s = stream;
  if (getenv("CUDA_STAND_IN_NO_CAPTURE")) return 900;
  s->capture = calloc(1, sizeof(struct graph)); return 0; }
int cuStreamEndCapture(void *stream, void **graph) {
  struct stream *s = stream; if (!s->capture) return 901; *graph = s->capture; s->capture = NULL; return 0; }
int cuGraphInstantiateWithFlags(void **work, void *graph, unsigned long long flags) { (void)flags; *work = graph; return 0; }
int cuGraphLaunch(void *work, void *s) { queue(s, (struct op){.kind = LAUNCH, .graph = work}); return 0; }
int cuGraphExecDestroy(void *work) { (void)work; return 0; }
int cuGraphDestroy(void *graph) { free(graph); return 0; }
