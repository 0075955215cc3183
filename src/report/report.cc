#include "report/report.h"

#include <optional>

#include "core/files/new_files.h"
#include "data/contact_sheet.h"
#include "report/draw/figures.h"
#include "report/page.h"

namespace triage::report {
namespace {

std::vector<ExampleImage> load_examples(const data::Dataset& dataset, const fs::path& file,
                                        const std::vector<Example>& examples) {
  std::vector<ExampleImage> images;
  for (const Example& example : examples) {
    if (example.index >= dataset.size() || dataset.label(example.index) != static_cast<Label>(example.label)) {
      fail("{}: image {}: results.json says label {}, found {}; this is not the data set that was evaluated",
           file.string(), example.index, example.label,
           example.index < dataset.size() ? std::to_string(dataset.label(example.index)) : "no such image");
    }
    data::Image image = data::picture_of(dataset, example.index);
    images.push_back({example, image.height, image.width, image.channels, std::move(image.pixels)});
  }
  return images;
}

void add_examples(const Run& run, const ReportOptions& options, std::vector<Drawing>& list,
                  std::vector<std::string>& notes) {
  const Evaluation& test = run.results.test;
  if (test.easiest.empty() && test.hardest.empty()) return;
  const bool named = !options.data.empty();
  const fs::path file = named ? options.data : fs::path(test.path);
  if (!named && (file.empty() || !fs::exists(file))) {
    notes.push_back("The easiest and hardest images are not shown: the data set file '" + file.string() +
                    "' is not here; --data names it.");
    return;
  }
  const data::Dataset dataset = data::Dataset::open(file);
  if (const std::string& found = dataset.info().sha256; !test.sha256.empty() && found != test.sha256) {
    fail("{}: this is not the data set that was evaluated: expected SHA-256 {}, found {}", file.string(), test.sha256,
         found);
  }
  const auto add = [&](const char* name, const char* title, const char* how_to_read,
                       const std::vector<Example>& examples) {
    if (!examples.empty())
      list.push_back(examples_drawing(name, title, how_to_read, load_examples(dataset, file, examples)));
  };
  add("easiest", "Easiest images",
      "The images with the lowest scores: true class in bold, the plan's answer, the exit that gave it and the score "
      "at the "
      "first exit; the frame has the exit's colour.",
      test.easiest);
  add("hardest", "Hardest images",
      "The images with the highest scores, in the same form: these are what the big net is there for.", test.hardest);
}

}  // namespace

ReportFiles write_report(const fs::path& run_directory, const ReportOptions& options) {
  const Run run = load_run(run_directory);
  const fs::path output = options.output.empty() ? run_directory : options.output;
  fs::create_directories(output);
  NewFiles made(output, "report");

  ReportFiles files{.html = output / "report.html"};
  std::vector<Drawing> list = drawings(run);
  add_examples(run, options, list, files.notes);
  std::vector<PagePicture> pictures;
  for (const Drawing& drawing : list) {
    const std::string name = drawing.picture.name + ".png";
    const fs::path dark = made.path() / "dark.png";
    PagePicture picture{.picture = drawing.picture};
    picture.light_png = render(run, drawing, light_theme(), made.path() / name);
    picture.dark_png = render(run, drawing, dark_theme(), dark);
    fs::remove(dark);  // lives in the page only
    pictures.push_back(std::move(picture));
    files.pictures.push_back(output / name);
  }
  write_file_atomic(made.path() / files.html.filename(), page(run, pictures, files.notes));
  made.commit();
  return files;
}

}  // namespace triage::report
