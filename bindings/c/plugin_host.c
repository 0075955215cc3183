/* A host that knows libtriage from dlopen alone, as hosts of plugins do: loads, calls, unloads and loads again, forks
 * in between, and looks whether anything of its process is not as it was. usage: plugin_host LIBRARY PLAN */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "triage.h"

enum { kRounds = 4, kImages = 3, kSide = 2, kChannels = 3 };

typedef struct library {
  void* handle;
  triage_code (*load)(const char*, const triage_options*, triage_classifier**, triage_error*);
  triage_code (*classify)(const triage_classifier*, const triage_image*, size_t, const triage_outputs*, triage_error*);
  void (*free)(triage_classifier*);
} library;

static void fail(const char* what, const char* why) {
  printf("%s: %s\n", what, why);
  exit(1);
}

static void find(void* handle, const char* name, void* function) {
  void* symbol = dlsym(handle, name);
  if (!symbol) fail(name, dlerror());
  memcpy(function, &symbol, sizeof symbol);
}

static library open_library(const char* path) {
  library opened;
  opened.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!opened.handle) fail("dlopen", dlerror());
  find(opened.handle, "triage_load", &opened.load);
  find(opened.handle, "triage_classify", &opened.classify);
  find(opened.handle, "triage_free", &opened.free);
  return opened;
}

static void close_library(const library* opened) {
  if (dlclose(opened->handle) != 0) fail("dlclose", dlerror());
}

static triage_classifier* load(const library* in, const char* plan, const char* engine, int threads) {
  triage_error error = TRIAGE_ERROR_INIT;
  triage_options options = TRIAGE_OPTIONS_INIT;
  triage_classifier* classifier = NULL;
  options.engine = engine;
  options.threads = threads;
  if (in->load(plan, &options, &classifier, &error)) fail("triage_load", error.message);
  return classifier;
}

/* Answers of the engine that runs: of each round the same. */
static void expect_answers(const library* in, const triage_classifier* classifier, triage_outcome* expected) {
  static const uint8_t pixels[kImages][kSide * kSide * kChannels] = {{0, 9, 255}, {77, 3, 1, 200}, {255, 0, 255, 0, 5}};
  triage_error error = TRIAGE_ERROR_INIT;
  triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
  triage_outcome outcomes[kImages];
  triage_image images[kImages];
  int i;
  for (i = 0; i < kImages; ++i) {
    images[i].pixels = pixels[i];
    images[i].height = images[i].width = kSide;
    images[i].channels = kChannels;
  }
  outputs.outcomes = outcomes;
  if (in->classify(classifier, images, kImages, &outputs, &error)) fail("triage_classify", error.message);
  for (i = 0; i < kImages; ++i) {
    if (expected[i].label < 0) expected[i] = outcomes[i];
    if (outcomes[i].label != expected[i].label || outcomes[i].probability != expected[i].probability)
      fail("triage_classify", "other answers than before");
  }
}

typedef struct caller {
  const library* in;
  const triage_classifier* classifier;
  triage_outcome expected[kImages];
} caller;

static void* call_often(void* given) {
  caller* const own = given;
  int i;
  for (i = 0; i < 20; ++i) expect_answers(own->in, own->classifier, own->expected);
  return NULL;
}

static void call_in_threads(const library* in, const triage_classifier* classifier, const triage_outcome* expected) {
  pthread_t threads[2];
  caller callers[2];
  int i;
  for (i = 0; i < 2; ++i) {
    callers[i].in = in;
    callers[i].classifier = classifier;
    memcpy(callers[i].expected, expected, sizeof callers[i].expected);
    if (pthread_create(&threads[i], NULL, call_often, &callers[i])) fail("pthread_create", "no thread");
  }
  for (i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
}

/* Signal dispositions, mask, locale, directory, umask and environment, as text. */
static char* state_of_process(void) {
  size_t size = 0;
  char* text = NULL;
  char directory[4096];
  char** variable;
  int signal_number;
  sigset_t blocked;
  mode_t mask = umask(0);
  FILE* out = open_memstream(&text, &size);
  umask(mask);
  sigemptyset(&blocked);
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  for (signal_number = 1; signal_number < 65; ++signal_number) {
    struct sigaction action;
    if (sigaction(signal_number, NULL, &action) != 0) continue;
    fprintf(out, "signal %d: %p %d %d\n", signal_number, (void*)(size_t)action.sa_handler, action.sa_flags,
            sigismember(&blocked, signal_number));
  }
  fprintf(out, "%s\n%s\n%o\n", setlocale(LC_ALL, NULL), getcwd(directory, sizeof directory), (unsigned)mask);
  for (variable = environ; *variable; ++variable) fprintf(out, "%s\n", *variable);
  fclose(out);
  return text;
}

/* In a child: what the parent loaded goes on, and so does another load. */
static void use_in_child(const library* in, const triage_classifier* of_parent, const char* plan, const char* engine,
                         triage_outcome* expected) {
  int status = -1;
  const pid_t child = fork();
  if (child < 0) fail("fork", "no process");
  if (child == 0) {
    triage_classifier* own;
    expect_answers(in, of_parent, expected);
    own = load(in, plan, engine, 2);
    expect_answers(in, own, expected);
    in->free(own);
    fflush(stdout);
    _exit(0);
  }
  if (waitpid(child, &status, 0) != child || status != 0) fail("child of fork", "did not end well");
}

int main(int argc, char** argv) {
  static const char* const kEngines[] = {"onnxruntime", "compiled"};
  char* before;
  char* after;
  size_t e;
  int round, i;
  if (argc != 3) return 2;
  before = state_of_process();
  for (e = 0; e < 2; ++e) {
    triage_outcome expected[kImages];
    library kept;
    triage_classifier* across;
    for (i = 0; i < kImages; ++i) expected[i].label = -1;
    for (round = 0; round < kRounds; ++round) {
      const library in = open_library(argv[1]);
      triage_classifier* classifier = load(&in, argv[2], kEngines[e], 1 + round % 2);
      expect_answers(&in, classifier, expected);
      call_in_threads(&in, classifier, expected);
      if (round % 2 == 0) use_in_child(&in, classifier, argv[2], kEngines[e], expected);
      in.free(classifier);
      close_library(&in);
    }
    kept = open_library(argv[1]); /* a classifier outlives the handle that it was made through */
    across = load(&kept, argv[2], kEngines[e], 2);
    close_library(&kept);
    kept = open_library(argv[1]);
    call_in_threads(&kept, across, expected);
    kept.free(across);
    close_library(&kept);
  }
  after = state_of_process();
  if (strcmp(before, after) != 0) fail("state of the process", "changed");
  free(before);
  free(after);
  printf("as before\n");
  return 0;
}
