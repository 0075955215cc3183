#include "bindings/python/outcomes.h"

#include <format>

#include "bindings/python/arrays.h"

namespace triage::python {
namespace {

// What was asked for beside outcomes: arrays [images, ...], of a single image [...]; None: it was not.
struct DetailArrays {
  nb::object logits, probabilities, top_labels, top_probabilities;
  DetailArrays row(std::size_t i) const {
    const auto of = [i](const nb::object& array) { return array.is_none() ? array : nb::object(array[i]); };
    return {of(logits), of(probabilities), of(top_labels), of(top_probabilities)};
  }
};

DetailArrays no_details() { return {nb::none(), nb::none(), nb::none(), nb::none()}; }

struct OneOutcome {
  Outcome value;
  nb::object names;
  DetailArrays details;
  nb::object class_name() const { return names[value.label]; }
};

struct ManyOutcomes {
  nb::object label, probability, exit, score, microseconds;  // arrays [images]
  nb::object names;
  DetailArrays details;
  std::vector<Outcome> rows;  // the same, for single ones

  OneOutcome at(Py_ssize_t i) const {
    const auto n = static_cast<Py_ssize_t>(rows.size());
    if (i < -n || i >= n) throw nb::index_error(std::format("found {} of {} outcomes", i, n).c_str());
    const auto row = static_cast<std::size_t>(i < 0 ? i + n : i);
    return {rows[row], names, details.row(row)};
  }
  nb::list class_names() const {
    nb::list list;
    for (const Outcome& row : rows) list.append(names[row.label]);
    return list;
  }
};

template <class Row, class T>
nb::object column(const std::vector<Row>& rows, T Row::* field, std::initializer_list<std::size_t> shape) {
  std::vector<T> values;
  values.reserve(rows.size());
  for (const Row& row : rows) values.push_back(row.*field);
  return array_of(std::move(values), shape);
}

DetailArrays detail_arrays(Answers& answers, const Wanted& wanted) {
  DetailArrays arrays = no_details();
  const std::size_t n = answers.outcomes.size();
  if (wanted.logits) arrays.logits = array_of(std::move(answers.logits), {n, answers.classes});
  if (wanted.probabilities) arrays.probabilities = array_of(std::move(answers.probabilities), {n, answers.classes});
  if (wanted.top > 0) {
    arrays.top_labels = column(answers.top, &ClassProbability::label, {n, answers.k});
    arrays.top_probabilities = column(answers.top, &ClassProbability::probability, {n, answers.k});
  }
  return arrays;
}

std::string outcome_text(const OneOutcome& outcome) {
  const Outcome& o = outcome.value;
  return std::format(
      "Outcome(label={}, class_name='{}', probability={:.4f}, exit={}, score={:.4f}, microseconds={:.1f})", o.label,
      nb::str(outcome.class_name()).c_str(), o.probability, o.exit, o.score, o.microseconds);
}

void bind_one(nb::module_& module) {
  using One = OneOutcome;
  nb::class_<One>(module, "Outcome", "The answer to one image.")
      .def_prop_ro(
          "label", [](const One& o) { return o.value.label; }, "The class, a number from 0.")
      .def_prop_ro("class_name", &One::class_name, nb::sig("def class_name(self) -> str"), "Its name.")
      .def_prop_ro(
          "probability", [](const One& o) { return o.value.probability; },
          "Of that class, after the exit's temperature.")
      .def_prop_ro(
          "exit", [](const One& o) { return o.value.exit; }, "The stage that the image left at.")
      .def_prop_ro(
          "score", [](const One& o) { return o.value.score; }, "Escalation score at that exit; 0 at the last.")
      .def_prop_ro(
          "microseconds", [](const One& o) { return o.value.microseconds; },
          "Wall time; of several images: the time of all divided by their number.")
      .def_prop_ro(
          "logits", [](const One& o) { return o.details.logits; },
          nb::sig("def logits(self) -> NDArray[numpy.float32] | None"),
          "[classes], of the network of the stage that the image left at; None: not asked for.")
      .def_prop_ro(
          "probabilities", [](const One& o) { return o.details.probabilities; },
          nb::sig("def probabilities(self) -> NDArray[numpy.float32] | None"),
          "[classes], what the exit answered from, with its temperature; None: not asked for.")
      .def_prop_ro(
          "top_labels", [](const One& o) { return o.details.top_labels; },
          nb::sig("def top_labels(self) -> NDArray[numpy.int32] | None"),
          "[top], the likeliest first; None: not asked for.")
      .def_prop_ro(
          "top_probabilities", [](const One& o) { return o.details.top_probabilities; },
          nb::sig("def top_probabilities(self) -> NDArray[numpy.float32] | None"), "[top], theirs.")
      .def("__repr__", outcome_text);
}

void bind_many(nb::module_& module) {
  using Many = ManyOutcomes;
  nb::class_<Many>(module, "Outcomes",
                   "The answers to several images, in their order: arrays [images]. Also a sequence of Outcome.")
      .def_prop_ro(
          "label", [](const Many& o) { return o.label; }, nb::sig("def label(self) -> NDArray[numpy.int32]"),
          "[images], the classes, numbers from 0.")
      .def_prop_ro(
          "probability", [](const Many& o) { return o.probability; },
          nb::sig("def probability(self) -> NDArray[numpy.float32]"),
          "[images], of those classes, after the exits' temperatures.")
      .def_prop_ro(
          "exit", [](const Many& o) { return o.exit; }, nb::sig("def exit(self) -> NDArray[numpy.int32]"),
          "[images], the stages that they left at.")
      .def_prop_ro(
          "score", [](const Many& o) { return o.score; }, nb::sig("def score(self) -> NDArray[numpy.float32]"),
          "[images], escalation scores at those exits; 0 at the last.")
      .def_prop_ro(
          "microseconds", [](const Many& o) { return o.microseconds; },
          nb::sig("def microseconds(self) -> NDArray[numpy.float64]"),
          "[images], for each the wall time of all divided by their number.")
      .def_prop_ro(
          "logits", [](const Many& o) { return o.details.logits; },
          nb::sig("def logits(self) -> NDArray[numpy.float32] | None"),
          "[images, classes], of the networks of the stages that they left at; None: not asked for.")
      .def_prop_ro(
          "probabilities", [](const Many& o) { return o.details.probabilities; },
          nb::sig("def probabilities(self) -> NDArray[numpy.float32] | None"),
          "[images, classes], what the exits answered from, with their temperatures; None: not asked for.")
      .def_prop_ro(
          "top_labels", [](const Many& o) { return o.details.top_labels; },
          nb::sig("def top_labels(self) -> NDArray[numpy.int32] | None"),
          "[images, top], the likeliest first; None: not asked for.")
      .def_prop_ro(
          "top_probabilities", [](const Many& o) { return o.details.top_probabilities; },
          nb::sig("def top_probabilities(self) -> NDArray[numpy.float32] | None"), "[images, top], theirs.")
      .def_prop_ro("class_names", &Many::class_names, nb::sig("def class_names(self) -> list[str]"),
                   "The names of the labels.")
      .def("__len__", [](const Many& o) { return o.rows.size(); })
      .def("__getitem__", &Many::at, nb::arg("index"))
      .def(
          "__iter__", [](nb::handle self) { return nb::steal(PySeqIter_New(self.ptr())); },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[Outcome]"))
      .def("__repr__", [](const Many& o) { return std::format("Outcomes({} images)", o.rows.size()); });
}

ManyOutcomes many(Answers& answers, const Wanted& wanted, const nb::object& names) {
  const std::vector<Outcome>& rows = answers.outcomes;
  const std::size_t n = rows.size();
  return {.label = column(rows, &Outcome::label, {n}),
          .probability = column(rows, &Outcome::probability, {n}),
          .exit = column(rows, &Outcome::exit, {n}),
          .score = column(rows, &Outcome::score, {n}),
          .microseconds = column(rows, &Outcome::microseconds, {n}),
          .names = names,
          .details = detail_arrays(answers, wanted),
          .rows = rows};
}

}  // namespace

nb::object one_outcome(const Outcome& outcome, const nb::object& names) {
  return nb::cast(OneOutcome{outcome, names, no_details()});
}

nb::object one_outcome(Answers answers, const Wanted& wanted, const nb::object& names) {
  return nb::cast(OneOutcome{answers.outcomes.front(), names, detail_arrays(answers, wanted).row(0)});
}

nb::object many_outcomes(Answers answers, const Wanted& wanted, const nb::object& names) {
  return nb::cast(many(answers, wanted, names));
}

void bind_outcomes(nb::module_& module) {
  bind_one(module);
  bind_many(module);
}

}  // namespace triage::python
