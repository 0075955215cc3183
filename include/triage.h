/* Triage for C and whatever calls C: loads a plan directory and classifies images, each with as much network as it
 * needs. Link libtriage.so.1 (CMake: triage::triage). docs/runtime.md says what the runtime does; here: how it is
 * called. triage_control.h: a plan that follows its load.
 *
 * ABI. A struct with `struct_size` begins with its size as its caller was compiled: a later version of the library
 * appends fields and leaves those that a caller does not know at their defaults; fields that a caller knows and the
 * library does not must be 0, else the call is TRIAGE_UNSUPPORTED. The *_INIT macros set sizes and defaults. Other
 * structs are elements of arrays and never change. A change that breaks this is another SONAME and TRIAGE_ABI_VERSION.
 *
 * Errors. A call returns TRIAGE_OK or what went wrong; where `error` is not NULL, the text of that call is written into
 * it, cut off where it is longer. It belongs to the caller: one for each thread needs no lock. Nothing throws.
 *
 * Threads. Every function may be called from any number of threads at once; triage_free when no other call has the
 * classifier. After fork() as docs/runtime.md says.
 *
 * Pointers that are passed in are read or written during the call alone, never kept. */
#ifndef TRIAGE_H_
#define TRIAGE_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TRIAGE_API __attribute__((visibility("default")))
#else
#define TRIAGE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define TRIAGE_ABI_VERSION 1

typedef enum triage_code {
  TRIAGE_OK = 0,
  TRIAGE_NOT_FOUND = 1,   /* no plan directory, a stage's file is missing */
  TRIAGE_DAMAGED = 2,     /* the plan is broken or does not fit together */
  TRIAGE_UNSUPPORTED = 3, /* by this machine, this build or this version */
  TRIAGE_BAD_INPUT = 4,   /* images, buffers or options that the plan or the call does not take */
  TRIAGE_ENGINE_FAILURE = 5,
  TRIAGE_OUT_OF_MEMORY = 6,
  TRIAGE_UNREADABLE = 7 /* a file is there and could not be read */
} triage_code;

typedef struct triage_error {
  size_t struct_size;
  int32_t code;            /* triage_code of the last call that was given this */
  uint32_t message_length; /* of the whole text, without the final 0 */
  char message[1008];      /* names file, field, found and expected; "" after TRIAGE_OK */
} triage_error;
#define TRIAGE_ERROR_INIT {sizeof(triage_error), TRIAGE_OK, 0, {0}}

typedef struct triage_options {
  size_t struct_size;
  const char* engine;       /* "auto", "onnxruntime", "compiled" (code of the plan's author); NULL: "auto" */
  const double* thresholds; /* one per exit but the last; NULL: the plan's own */
  size_t threshold_count;
  double max_megapixels;  /* of an encoded image, of 2^20 pixels; 0: 64 */
  int32_t threads;        /* of the engine, per call, at most; 0: what this process may use */
  int32_t allow_spinning; /* not 0: threads spin between calls */
} triage_options;
#define TRIAGE_OPTIONS_INIT {sizeof(triage_options), NULL, NULL, 0, 64, 1, 0}

/* Everything it points to lives as long as the classifier. */
typedef struct triage_info {
  size_t struct_size;
  const char* name;
  const char* policy;
  const char* engine;               /* of all stages in one text */
  const char* engine_note;          /* why "auto" does not run kernels that the plan has, or "" */
  const char* threads_note;         /* of threads = 0: how many that are and why, or "" */
  const char* fit;                  /* how encoded images are brought to size: "squash", "crop", "pad" */
  const char* const* class_names;   /* [classes] */
  const char* const* stage_names;   /* [stages] */
  const char* const* stage_engines; /* [stages] */
  const int32_t* stage_threads;     /* [stages] */
  size_t classes, stages;           /* an exit for each stage */
  int32_t height, width, channels;  /* of images; height and width 0: any */
  int32_t decodes;                  /* 1: triage_classify_encoded can be called; 0: built without decoders */
} triage_info;
#define TRIAGE_INFO_INIT \
  {sizeof(triage_info), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0}

typedef struct triage_image { /* 8-bit pixels, [height, width, channels], no padding, of the plan's size */
  const uint8_t* pixels;
  int32_t height, width, channels;
} triage_image;

typedef struct triage_encoded_image { /* the content of a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file */
  const uint8_t* bytes;
  size_t size;
} triage_encoded_image;

typedef struct triage_outcome {
  int32_t label; /* index into class_names */
  float probability;
  int32_t exit;        /* the stage that the image left at */
  float score;         /* escalation score there; 0 at the last */
  double microseconds; /* wall time; in a batch its time divided by its size */
} triage_outcome;

typedef struct triage_class_probability {
  int32_t label;
  float probability;
} triage_class_probability;

/* What a call writes, row by row in the order of the images, of the exit that each image left at; NULL: not wanted. */
typedef struct triage_outputs {
  size_t struct_size;
  triage_outcome* outcomes;      /* [count] */
  float* logits;                 /* [count, classes], as the stage's network gives them */
  float* probabilities;          /* [count, classes], with the exit's temperature */
  triage_class_probability* top; /* [count, top_count]: the likeliest; of equal ones the lower label first */
  size_t top_count;              /* 1 to classes where top is wanted, else 0 */
  float* scores;                 /* [count, stages - 1]: of each exit but the last that it passed or left at; else -1 */
} triage_outputs;
#define TRIAGE_OUTPUTS_INIT {sizeof(triage_outputs), NULL, NULL, NULL, NULL, 0, NULL}

/* Since the load. Calls that run meanwhile may be counted in parts. */
typedef struct triage_statistics {
  size_t struct_size;
  uint64_t calls, errors; /* that answered; that did not */
  uint64_t images;        /* answered */
  uint64_t sent_on;       /* of them, beyond the first exit */
  double microseconds;    /* of the calls that answered, summed */
  uint64_t* exits;        /* the caller's, [exit_count]: images by the exit they left at; NULL: not wanted */
  size_t exit_count;      /* the number of stages where exits is wanted, else 0 */
} triage_statistics;
#define TRIAGE_STATISTICS_INIT {sizeof(triage_statistics), 0, 0, 0, 0, 0, NULL, 0}

typedef struct triage_classifier triage_classifier;

/* options: NULL for the defaults. *classifier is NULL after an error. */
TRIAGE_API triage_code triage_load(const char* plan_directory, const triage_options* options,
                                   triage_classifier** classifier, triage_error* error);
TRIAGE_API void triage_free(triage_classifier* classifier); /* NULL: nothing */
TRIAGE_API triage_code triage_get_info(const triage_classifier* classifier, triage_info* info, triage_error* error);

/* Any count. After an error what was written is unspecified and the classifier can be used again. */
TRIAGE_API triage_code triage_classify(const triage_classifier* classifier, const triage_image* images, size_t count,
                                       const triage_outputs* outputs, triage_error* error);
TRIAGE_API triage_code triage_classify_encoded(const triage_classifier* classifier, const triage_encoded_image* images,
                                               size_t count, const triage_outputs* outputs, triage_error* error);

/* thresholds [count], count = stages - 1. Calls that begin later use them; no call sees parts of two sets. */
TRIAGE_API triage_code triage_set_thresholds(triage_classifier* classifier, const double* thresholds, size_t count,
                                             triage_error* error);
TRIAGE_API triage_code triage_get_thresholds(const triage_classifier* classifier, double* thresholds, size_t count,
                                             triage_error* error);
TRIAGE_API triage_code triage_get_statistics(const triage_classifier* classifier, triage_statistics* statistics,
                                             triage_error* error);

TRIAGE_API const char* triage_version(void);           /* of the library that is loaded */
TRIAGE_API int32_t triage_abi_version(void);           /* TRIAGE_ABI_VERSION that it was built with */
TRIAGE_API const char* triage_code_name(int32_t code); /* "bad_input"; of an unknown code "unknown" */

#ifdef __cplusplus
}
#endif

#endif /* TRIAGE_H_ */
