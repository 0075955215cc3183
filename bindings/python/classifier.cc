// triage.Classifier: a classifier with what it takes to load it again, for pickles.
#include <algorithm>
#include <filesystem>
#include <format>
#include <new>

#include "bindings/python/errors.h"
#include "bindings/python/images.h"
#include "bindings/python/outcomes.h"
#include "engine/status.h"

namespace triage::python {
namespace {

struct Settings {
  std::string path;
  std::string engine = "auto";
  int threads = 1;
  std::optional<std::vector<double>> thresholds;
  bool allow_spinning = false;
  double max_megapixels = 64;
};
using State = nb::typed<nb::tuple, nb::bytes, std::string, int, std::optional<std::vector<double>>, bool, double>;

Classifier load(const Settings& settings) {
  Warnings warnings;
  std::optional<Result<Classifier>> loaded;
  {
    const nb::gil_scoped_release others_run;
    loaded.emplace(Classifier::load(settings.path, {.engine = settings.engine,
                                                    .threads = settings.threads,
                                                    .allow_spinning = settings.allow_spinning,
                                                    .thresholds = settings.thresholds.value_or(std::vector<double>()),
                                                    .decoder = &item_decoder(),
                                                    .max_megapixels = settings.max_megapixels}));
  }
  warnings.raise();
  return engine::take(std::move(*loaded));
}

// Outcomes of files or of pixels; without the GIL.
Answers run(const Classifier& classifier, std::span<const Item> items, const Wanted& wanted) {
  std::vector<ImageView> images;
  std::vector<EncodedImage> files;
  for (const Item& item : items) {
    if (item.is_file()) {
      files.push_back(item.file());
    } else {
      for (std::size_t i = 0; i < item.count; ++i) images.push_back(item.image(i));
    }
  }
  Answers answers(images.size() + files.size(), classifier.info().classes.size(), wanted);
  if (answers.outcomes.empty()) return answers;
  engine::take(files.empty() ? classifier.classify(images, answers.outcomes, answers.details())
                             : classifier.classify(files, answers.outcomes, answers.details()));
  return answers;
}

class LoadedPlan {
 public:
  explicit LoadedPlan(Settings settings) : settings_(std::move(settings)), classifier_(load(settings_)) {
    nb::list names;
    for (const std::string& name : classifier_.info().classes) names.append(name);
    names_ = nb::tuple(names);
  }

  nb::object classify(nb::handle images, bool logits, bool probabilities, std::size_t top) const {
    const Wanted wanted{.logits = logits, .probabilities = probabilities, .top = top};
    if (top > info().classes.size()) {
      engine::fail_with(ErrorCode::bad_input, "top: found {}, expected at most {}, the number of classes", top,
                        info().classes.size());
    }
    if (PyList_Check(images.ptr()) || PyTuple_Check(images.ptr())) return classify_list(images, wanted);
    const Item item = take_item(images, info(), "image");
    if (item.kind == Item::Kind::stack) return many_outcomes(classify_items({&item, 1}, wanted), wanted, names_);
    if (wanted.any()) return one_outcome(classify_items({&item, 1}, wanted), wanted, names_);
    std::optional<Result<Outcome>> outcome;
    {
      const nb::gil_scoped_release others_run;
      outcome.emplace(item.is_file() ? classifier_.classify(item.file()) : classifier_.classify(item.image(0)));
    }
    return one_outcome(engine::take(std::move(*outcome)), names_);
  }

  const ClassifierInfo& info() const { return classifier_.info(); }
  ClassifierStatistics statistics() const { return classifier_.statistics(); }
  std::vector<double> thresholds() const { return classifier_.thresholds(); }
  void set_thresholds(const std::vector<double>& thresholds) { engine::take(classifier_.set_thresholds(thresholds)); }

  Settings settings() const {  // now
    Settings now = settings_;
    now.thresholds = thresholds();
    return now;
  }

 private:
  nb::object classify_list(nb::handle images, const Wanted& wanted) const {
    std::vector<Item> items;
    items.reserve(nb::len(images));
    for (const nb::handle image : images) {
      items.push_back(take_item(image, info(), std::format("images[{}]", items.size())));
      if (items.back().kind == Item::Kind::stack || items.back().is_file() != items.front().is_file()) {
        throw nb::type_error("images: expected a list of single images, all of them pixels or all of them files");
      }
    }
    return many_outcomes(classify_items(items, wanted), wanted, names_);
  }

  Answers classify_items(std::span<const Item> items, const Wanted& wanted) const {
    const nb::gil_scoped_release others_run;
    return run(classifier_, items, wanted);
  }

  Settings settings_;
  Classifier classifier_;
  nb::object names_;  // of the classes, a tuple
};

LoadedPlan loaded(nb::handle path, std::string engine, int threads, std::optional<std::vector<double>> thresholds,
                  bool allow_spinning, double max_megapixels) {
  return LoadedPlan({.path = std::filesystem::absolute(path_of(path)).string(),
                     .engine = std::move(engine),
                     .threads = threads,
                     .thresholds = std::move(thresholds),
                     .allow_spinning = allow_spinning,
                     .max_megapixels = max_megapixels});
}

State state(const LoadedPlan& plan) {
  const Settings s = plan.settings();
  return State(nb::make_tuple(nb::bytes(s.path.data(), s.path.size()), s.engine, s.threads, s.thresholds,
                              s.allow_spinning, s.max_megapixels));
}

void set_state(LoadedPlan& plan, const State& state) {
  new (&plan) LoadedPlan(loaded(state[0], nb::cast<std::string>(state[1]), nb::cast<int>(state[2]),
                                nb::cast<std::optional<std::vector<double>>>(state[3]), nb::cast<bool>(state[4]),
                                nb::cast<double>(state[5])));
}

std::string plan_text(const LoadedPlan& plan) {
  const ClassifierInfo& info = plan.info();
  return std::format("Classifier('{}': {} stages, {} classes, {})", info.name, info.stages.size(), info.classes.size(),
                     info.engine);
}

void bind_info(nb::module_& module) {
  nb::class_<ClassifierInfo>(module, "ClassifierInfo", "What a plan is and what runs it.")
      .def_ro("name", &ClassifierInfo::name)
      .def_ro("policy", &ClassifierInfo::policy, "What the score at an exit is: learned, confidence, ...")
      .def_ro("engine", &ClassifierInfo::engine, "That runs; where stages differ, by stage.")
      .def_ro("engine_note", &ClassifierInfo::engine_note, "Why kernels that the plan has do not run; else empty.")
      .def_ro("height", &ClassifierInfo::height, "Of images; 0: of any size.")
      .def_ro("width", &ClassifierInfo::width)
      .def_ro("channels", &ClassifierInfo::channels, "1 or 3.")
      .def_ro("fit", &ClassifierInfo::fit, "How photographs become that size: squash, crop or pad.")
      .def_ro("classes", &ClassifierInfo::classes, "Names, label 0 first.")
      .def_ro("stages", &ClassifierInfo::stages, "Names, in the order they run.")
      .def_ro("threads", &ClassifierInfo::threads, "Per stage, that the engine takes.")
      .def_ro("threads_note", &ClassifierInfo::threads_note, "Of threads=0: how many they may be, and why; else empty.")
      .def_ro("engines", &ClassifierInfo::engines, "Per stage.");
}

void bind_statistics(nb::module_& module) {
  nb::class_<ClassifierStatistics>(module, "ClassifierStatistics", "What a classifier has done.")
      .def_ro("calls", &ClassifierStatistics::calls, "That answered.")
      .def_ro("errors", &ClassifierStatistics::errors, "Calls that gave an error.")
      .def_ro("images", &ClassifierStatistics::images, "Answered.")
      .def_ro("sent_on", &ClassifierStatistics::sent_on, "Of them, beyond the first exit.")
      .def_ro("exits", &ClassifierStatistics::exits, "[stages], images by the exit they left at.")
      .def_ro("microseconds", &ClassifierStatistics::microseconds, "Wall time of the calls that answered, summed.");
}

}  // namespace

void bind_classifier(nb::module_& module) {
  bind_info(module);
  bind_statistics(module);
  nb::class_<LoadedPlan>(module, "Classifier",
                         "A loaded plan. Any number of Python threads may use one at once: loading and classifying "
                         "hold no global interpreter lock.")
      .def(
          "__init__",
          [](LoadedPlan* self, nb::handle path, std::string engine, int threads,
             std::optional<std::vector<double>> thresholds, bool allow_spinning, double max_megapixels) {
            new (self) LoadedPlan(
                loaded(path, std::move(engine), threads, std::move(thresholds), allow_spinning, max_megapixels));
          },
          nb::arg("path"), nb::arg("engine") = "auto", nb::arg("threads") = 1, nb::arg("thresholds") = nb::none(),
          nb::kw_only(), nb::arg("allow_spinning") = false, nb::arg("max_megapixels") = 64.0,
          nb::sig("def __init__(self, path: str | os.PathLike[str], engine: str = 'auto', threads: int = 1, "
                  "thresholds: Sequence[float] | None = None, *, allow_spinning: bool = False, "
                  "max_megapixels: float = 64) -> None"),
          R"(Loads the plan in the directory `path`.

engine: "auto", "onnxruntime" or "compiled" (kernels of the plan's author, which run with all rights of this process).
threads: that the engine may take inside a call; 0: as many as this process may use.
thresholds: [stages - 1], one per exit but the last; None: the plan's own. An image goes on while its score is above.
allow_spinning: threads of the engine spin between calls.
max_megapixels: of an image file, of 2**20 pixels; larger ones are refused before memory is taken.)")
      .def("classify", &LoadedPlan::classify, nb::arg("images").none(), nb::kw_only(), nb::arg("logits") = false,
           nb::arg("probabilities") = false, nb::arg("top") = 0,
           R"(Classifies one image or several, each with as much network as it needs.

One image gives an Outcome:
  array uint8 [height, width, channels] or [height, width]: pixels of the plan's size (or of any, where its size is 0)
  PIL.Image.Image: brought to the plan's size and channels
  str or os.PathLike: the path of an image file (JPEG, PNG, WebP, GIF, BMP, TIFF, PPM)
  bytes, or an array uint8 [bytes]: the content of such a file

Several give Outcomes:
  array uint8 [images, height, width, channels]
  list or tuple of single images, which may differ in size where the plan takes any; pixels and files do not mix

Contiguous arrays are not copied; others are. They must not change meanwhile.

logits, probabilities: of all classes, too: float32 [images, classes].
top: the likeliest classes of each image, so many: top_labels, top_probabilities [images, top].)")
      .def_prop_rw(
          "thresholds", &LoadedPlan::thresholds, &LoadedPlan::set_thresholds,
          nb::for_setter(nb::sig("def thresholds(self, thresholds: Sequence[float]) -> None")),
          "[stages - 1], one per exit but the last: an image goes on while its score is above. May be set while "
          "other threads classify; calls that begin later see them.")
      .def_prop_ro("statistics", &LoadedPlan::statistics, "Since the plan was loaded.")
      .def_prop_ro("info", &LoadedPlan::info, nb::rv_policy::reference_internal, "What the plan is and what runs it.")
      .def("__getstate__", state)
      .def("__setstate__", set_state)
      .def("__repr__", plan_text);
}

}  // namespace triage::python
