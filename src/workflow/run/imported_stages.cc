#include "workflow/run/imported_stages.h"

#include "core/rng.h"
#include "core/text.h"
#include "preprocess/preprocess_files.h"
#include "workflow/cascade/find_preprocess.h"
#include "workflow/cascade/imported_record.h"
#include "workflow/cascade/int8_nets.h"
#include "workflow/cascade/net_options.h"

namespace triage::workflow {
namespace {

constexpr int kVersion = 1;

NetSource source_of(const StageConfig& stage) {
  const OnnxConfig& onnx = *stage.onnx;
  NetSource source{.net = {.file = onnx.file, .output = onnx.answer, .features = onnx.features},
                   .preprocess = onnx.preprocess,
                   .classes = {},
                   .name = stage.name};
  if (!onnx.classes.empty()) source.classes = read_class_names(onnx.classes);
  return source;
}

importing::OnnxNet read_net(const NetSource& source, const data::Dataset& dataset) {
  return importing::read_onnx_net(source.net, static_cast<int>(dataset.info().classes.size()),
                                  static_cast<int>(source.classes.size()));
}

// Of everything that decides what the stage is.
Json made_from(const NetSource& source, const data::Dataset& dataset) {
  const fs::path preprocess =
      source.preprocess.empty() ? preprocess::preprocess_file_of(source.net.file).value_or("") : source.preprocess;
  return {{"onnx", read_net(source, dataset).sha256},
          {"preprocess", preprocess.empty() ? "none" : sha256_file(preprocess)},
          {"classes", source.classes},
          {"answer", source.net.output},
          {"features", source.net.features},
          {"data", dataset.info().sha256}};
}

// Written last.
fs::path record_of(const StageConfig& stage, const fs::path& run) { return run / "imported" / (stage.name + ".json"); }

// As it was imported before.
ImportedStage known_stage(const StageConfig& stage, const Json& now, const fs::path& record, const fs::path& file) {
  const Json json = read_sealed_json(record);
  const JsonReader reader(json, record.string());
  if (reader.get<int>("version") != kVersion) reader.at("version").fail_here(std::to_string(kVersion));
  const Json before = reader.at("made_from").json();
  for (const auto& [key, found] : now.items()) {
    const Json expected = before.value(key, Json());
    if (found != expected)
      fail(
          "{}: stage '{}': {} has changed since this run imported it: expected {}, found {}; use another --run "
          "directory",
          stage.onnx->file.string(), stage.name, key, expected.dump(), found.dump());
  }
  ImportedStage known{.net = imported_net_from_json(reader.at("net")), .file = file, .known = true};
  if (const std::string found = sha256_file(file); found != known.net.stage.sha256)
    fail("{}: damaged: found checksum {}, {} names {}", file.string(), found, record.filename().string(),
         known.net.stage.sha256);
  return known;
}

}  // namespace

void check_imported(const StageConfig& stage, const data::Dataset& dataset, const std::string& origin) {
  const OnnxConfig& onnx = *stage.onnx;
  for (const auto& [key, file] :
       {std::pair("onnx", onnx.file), std::pair("preprocess", onnx.preprocess), std::pair("classes", onnx.classes)}) {
    if (!file.empty() && !fs::is_regular_file(file))
      fail("{}: stage '{}': {}: expected a file, found none at {}", origin, stage.name, key, file.string());
  }
  const importing::OnnxNet net = read_net(source_of(stage), dataset);
  if (!onnx.preprocess.empty()) preprocess::read_preprocess_file(onnx.preprocess, input_shape(net.input));
  if (!onnx.features.empty()) importing::node_that_makes(net, onnx.features);
}

bool is_imported(const StageConfig& stage, const fs::path& run) { return fs::exists(record_of(stage, run)); }

ImportedStage import_stage(const StageConfig& stage, const ImportImages& images, const fs::path& run,
                           const Context& context) {
  const fs::path record = record_of(stage, run), directory = record.parent_path(),
                 file = directory / (stage.name + ".onnx");
  const NetSource source = source_of(stage);
  const Json now = made_from(source, images.dataset);
  ImportedStage made;
  if (fs::exists(record)) {
    made = known_stage(stage, now, record, file);
  } else {
    fs::create_directories(directory);
    std::vector<std::uint32_t> asked(images.validation.begin(), images.validation.end());
    Rng rng(derive_seed(images.seed, "import"));  // in the file they stand class by class
    rng.shuffle(std::span(asked));
    made = {.net = import_net(source, images.dataset, asked, directory, context), .file = file, .known = false};
    write_sealed_json(record, {{"version", kVersion}, {"made_from", now}, {"net", to_json(made.net)}});
  }
  context.message(std::format("{}: {}{}; answers {}", stage.name, stage.onnx->file.string(),
                              made.known ? ", imported before" : "", importing::to_string(made.net.adaptation.answer)));
  for (const std::string& line : import_lines(made.net)) context.message("  " + line);
  return made;
}

Int8Stage int8_stage(const ImportedStage& stage, const FormSource& source, const Int8Images& images,
                     const fs::path& run, Int8Choice choice) {
  const fs::path directory = run / "imported";
  const std::string& name = stage.net.stage.name;
  const fs::path record = directory / (name + kInt8Suffix + ".json");
  Json now = {{"stage", stage.net.stage.sha256},
              {"data", images.dataset.info().sha256},
              {"max_loss", choice.max_loss},
              {"threads", choice.threads}};
  for (const PartBefore& part : source.before) now["before"].push_back(part.sha256);
  Int8Stage made{.stage = stage, .report = {}};
  if (fs::exists(record)) {
    const Json json = read_sealed_json(record);
    const JsonReader reader(json, record.string());
    if (reader.get<int>("version") == kVersion && reader.at("made_from").json() == now) {
      choice.context.message(std::format("{}: found in int8 before: {}", name, reader.get<std::string>("said")));
      made.report = reader.at("report").json();
      if (!reader.get<bool>("int8")) return made;
      made.stage.net = imported_net_from_json(reader.at("net"));
      made.stage.net.stage.precision = plan::Precision::int8;
      made.stage.file = directory / (name + kInt8Suffix + ".onnx");
      if (const std::string found = sha256_file(made.stage.file); found != made.stage.net.stage.sha256)
        fail("{}: damaged: found checksum {}, {} names {}", made.stage.file.string(), found, record.filename().string(),
             made.stage.net.stage.sha256);
      return made;
    }
  }
  choice.kept = directory / (name + kInt8Suffix + ".part");
  plan::Stage& in_plan = made.stage.net.stage;
  const exporting::QuantizeReport report = quantize_stage_file(in_plan, directory, directory, name + kInt8Suffix,
                                                               source, images, choice, made.stage.net.notes);
  made.report = to_json(report);
  const std::string said = describe(report);
  choice.context.message(std::format("{}: {}", name, said));
  if (report.any_int8()) made.stage.file = directory / in_plan.onnx;
  in_plan.name = name;  // the plan's stage is called as the configuration says
  write_sealed_json(record, {{"version", kVersion},
                             {"made_from", now},
                             {"int8", report.any_int8()},
                             {"said", said},
                             {"report", made.report},
                             {"net", to_json(made.stage.net)}});
  fs::remove_all(choice.kept);
  return made;
}

}  // namespace triage::workflow
