// The files of a run for triage/run.py: read, checked and held against their checksums by the same code as the
// program's, then handed on as dictionaries.
#include "bindings/python/arrays.h"
#include "bindings/python/errors.h"
#include "bindings/python/images.h"
#include "core/json.h"
#include "cost_tables/cost_table.h"
#include "plan/plan.h"
#include "results/results.h"
#include "results/training_log.h"
#include "route/score_table.h"

namespace triage::python {
namespace {

nb::object to_python(const Json& json) {  // as deep as parse_json() allows
  switch (json.type()) {
    case Json::value_t::object: {
      nb::dict dict;
      for (const auto& [key, value] : json.items()) dict[nb::str(key.data(), key.size())] = to_python(value);
      return dict;
    }
    case Json::value_t::array: {
      nb::list list;
      for (const Json& value : json) list.append(to_python(value));
      return list;
    }
    case Json::value_t::string:
      return nb::cast(valid_utf8(json.get_ref<const std::string&>()));
    case Json::value_t::boolean:
      return nb::bool_(json.get<bool>());
    case Json::value_t::number_unsigned:
      return nb::cast(json.get<std::uint64_t>());
    case Json::value_t::number_integer:
      return nb::cast(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return nb::float_(json.get<double>());
    default:
      return nb::none();
  }
}

// What `read` makes of a file, without the GIL; its warnings are Python's.
template <class Read>
auto read_quietly(nb::handle path, Read read) {
  const fs::path file(path_of(path));
  Warnings warnings;
  std::optional<std::decay_t<decltype(read(file))>> value;
  {
    const nb::gil_scoped_release others_run;
    value.emplace(read(file));
  }
  warnings.raise();
  return std::move(*value);
}

template <class Read>
nb::object read_as_dict(nb::handle path, Read read) {
  return to_python(read_quietly(path, read));
}

Json training_log(const fs::path& file) {
  Json steps = Json::array();
  for (const results::TrainingStep& step : results::load_training_log(file)) steps.push_back(to_json(step));
  return steps;
}

nb::object scores(nb::handle path) {
  route::ScoreTable table = read_quietly(path, route::load_score_table);
  const std::size_t count = table.count(), classes = static_cast<std::size_t>(table.classes);
  nb::dict dict;
  dict["key"] = table.key;
  dict["indices"] = array_of(std::move(table.indices), {count});
  dict["labels"] = array_of(std::move(table.labels), {count});
  nb::dict logits, features;
  for (route::StageScores& stage : table.stages) {
    const nb::str name = nb::str(stage.name.c_str());
    logits[name] = array_of(std::move(stage.logits), {count, classes});
    features[name] = array_of(std::move(stage.features), {count, static_cast<std::size_t>(stage.feature_width)});
  }
  dict["logits"] = logits;
  dict["features"] = features;
  return dict;
}

}  // namespace

void bind_run_files(nb::module_& module) {
  module.def("_read_results", [](nb::handle file) {
    return read_as_dict(file, [](const fs::path& path) { return to_json(results::load_results(path)); });
  });
  module.def("_read_plan", [](nb::handle directory) {
    return read_as_dict(directory, [](const fs::path& path) { return to_json(plan::load_plan(path)); });
  });
  module.def("_read_costs", [](nb::handle file) {
    return read_as_dict(file, [](const fs::path& path) { return to_json(cost::load_cost_table(path)); });
  });
  module.def("_read_front", [](nb::handle file) { return read_as_dict(file, read_sealed_json); });
  module.def("_read_training_log", [](nb::handle file) { return read_as_dict(file, training_log); });
  module.def("_read_scores", scores);
}

}  // namespace triage::python
