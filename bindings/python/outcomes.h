// The answers of classify() as Python sees them.
#pragma once

#include <vector>

#include "bindings/python/nanobind.h"
#include "triage/classifier.h"

namespace triage::python {

struct Wanted {  // besides outcomes
  bool logits = false, probabilities = false;
  std::size_t top = 0;  // how many of the likeliest classes
  bool any() const { return logits || probabilities || top > 0; }
};

// What a call writes.
struct Answers {
  Answers(std::size_t images, std::size_t class_count, const Wanted& wanted)
      : classes(class_count),
        k(wanted.top),
        outcomes(images),
        logits(wanted.logits ? images * classes : 0),
        probabilities(wanted.probabilities ? images * classes : 0),
        top(images * k) {}
  Details details() { return {.logits = logits, .probabilities = probabilities, .top = top}; }

  std::size_t classes, k;
  std::vector<Outcome> outcomes;
  std::vector<float> logits, probabilities;
  std::vector<ClassProbability> top;
};

// names: of the classes, a tuple.
nb::object one_outcome(const Outcome& outcome, const nb::object& names);
nb::object one_outcome(Answers answers, const Wanted& wanted, const nb::object& names);  // of one image, with details
nb::object many_outcomes(Answers answers, const Wanted& wanted, const nb::object& names);

}  // namespace triage::python
