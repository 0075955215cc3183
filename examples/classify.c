/* Classifies one image file (JPEG, PNG, WebP, ...) with a plan and shows the likeliest classes; links libtriage alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "triage.h"

static uint8_t* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  uint8_t* bytes = NULL;
  long length = -1;
  if (file && fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0)
    bytes = malloc((size_t)length);
  if (bytes && fread(bytes, 1, (size_t)length, file) != (size_t)length) {
    free(bytes);
    bytes = NULL;
  }
  if (file) fclose(file);
  *size = bytes ? (size_t)length : 0;
  return bytes;
}

int main(int argc, char** argv) {
  triage_error error = TRIAGE_ERROR_INIT;
  triage_classifier* classifier;
  triage_info info = TRIAGE_INFO_INIT;
  triage_outputs outputs = TRIAGE_OUTPUTS_INIT;
  triage_outcome outcome;
  triage_class_probability top[3];
  triage_encoded_image image;
  uint8_t* bytes;
  size_t k;
  triage_code code;

  if (argc != 3) return fprintf(stderr, "usage: classify_c PLAN_DIRECTORY IMAGE\n"), 2;
  if (triage_load(argv[1], NULL, &classifier, &error)) return fprintf(stderr, "%s\n", error.message), 1;
  triage_get_info(classifier, &info, NULL);

  bytes = read_file(argv[2], &image.size);
  image.bytes = bytes;
  outputs.outcomes = &outcome;
  outputs.top = top;
  outputs.top_count = info.classes < 3 ? info.classes : 3;
  code = triage_classify_encoded(classifier, &image, 1, &outputs, &error);
  if (code) {
    fprintf(stderr, "%s: %s\n", argv[2], bytes ? error.message : "cannot be read");
  } else {
    for (k = 0; k < outputs.top_count; ++k)
      printf("%s %.3f\n", info.class_names[top[k].label], (double)top[k].probability);
    printf("exit %s, %.0f us\n", info.stage_names[outcome.exit], outcome.microseconds);
  }
  free(bytes);
  triage_free(classifier);
  return code ? 1 : 0;
}
