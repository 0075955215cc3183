// Map: shares and their draw; the pass that decodes and writes. The number of channels is found by trying: a pass for
// grey images that meets a coloured one begins again with three.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>
#include <numeric>

#include "core/error.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/image/load_images.h"
#include "data/import/photos.h"
#include "data/splits.h"

namespace triage::data {
namespace {

constexpr std::size_t kNotImageKinds = 20;
constexpr std::size_t kLeftOutNames = 20, kLeftOutBytes = 200;  // kept in the data set

void check_options(const PhotoOptions& options) {
  if ((options.height == 0) != (options.width == 0) || options.height < 0 || options.width < 0) {
    fail("height {} and width {}: expected both, or neither to keep the size", options.height, options.width);
  }
  if (options.channels != 0 && options.channels != 1 && options.channels != 3) {
    fail("channels {}: expected 1, 3, or 0 to decide by the images", options.channels);
  }
}

std::size_t count_part(const PhotoSet& set, Part part) {
  return static_cast<std::size_t>(std::ranges::count(set.files, part, &PhotoFile::part));
}

void split(PhotoSet& set, const PhotoOptions& options, ImportReport& report) {
  if (!options.split) return;
  const auto images = [&](double share) -> std::uint64_t {
    const auto count = static_cast<std::uint64_t>(std::llround(share * static_cast<double>(set.files.size())));
    return share > 0 ? std::max<std::uint64_t>(count, 1) : 0;
  };
  const DrawPart parts[] = {{"test", images((*options.split)[2])}, {"validation", images((*options.split)[1])}};
  std::vector<Label> labels;
  std::vector<std::uint32_t> groups;
  for (const PhotoFile& file : set.files) {
    labels.push_back(file.label);
    if (set.groups > 0) groups.push_back(file.group);
  }
  const Assignment drawn = draw_parts(labels, set.classes, groups, parts, options.seed, set.name);
  for (std::size_t i = 0; i < set.files.size(); ++i) {
    set.files[i].part = drawn.part[i] == 0 ? Part::train : drawn.part[i] == 1 ? Part::test : Part::validation;
  }
  report.notes.insert(report.notes.end(), drawn.notes.begin(), drawn.notes.end());
}

// One pass over the files: what is an image is written, the rest goes into the report.
class Pass {
 public:
  Pass(const PhotoSet& set, const PhotoOptions& options, int channels, const fs::path& out)
      : set_(set), options_(options), channels_(channels), out_(out) {}

  // false: a coloured image was met in a pass for grey ones.
  bool run() {
    Progress progress(options_.context, "import", set_.files.size(), "images");
    std::vector<fs::path> paths;
    for (const PhotoFile& file : set_.files) paths.push_back(file.path);
    const LoadOptions load{{options_.height, options_.width, options_.fit, options_.decode}, options_.threads};
    std::size_t next = 0;
    try {
      load_images(paths, load, [&](std::size_t i, Decoded decoded) {
        if (options_.context.stop.requested()) throw Interrupted("import stopped; nothing was written");
        add(set_.files[i], decoded);
        next = i + 1;
        progress.update(next, report.bad.empty() ? "" : std::format("{} bad", report.bad.size()));
      });
    } catch (const std::bad_alloc&) {
      fail("{}: not enough memory for its pixels or those of the next images; --max-megapixels refuses large ones",
           set_.files[std::min(next, set_.files.size() - 1)].shown);
    } catch (const NeedsColour&) {
      return false;
    }
    progress.finish();
    return true;
  }

  void finish() {
    if (!report.bad.empty() && !options_.skip_bad) {
      throw BadImages(std::format("{} of {} images cannot be read; --skip-bad leaves them out", report.bad.size(),
                                  set_.files.size() - not_images_));
    }
    if (!writer_) fail("{}: no images among {} files", set_.name, set_.files.size());
    DatasetInfo info = this->info();
    for (const Part part : parts_) {
      ++(part == Part::train ? info.train_count : part == Part::validation ? info.validation_count : info.test_count);
    }
    check_classes(info);
    info.left_out = report.bad.size();
    for (std::size_t i = 0; i < std::min(kLeftOutNames, report.bad.size()); ++i) {
      info.left_out_names.push_back(printable_line(report.bad[i].file.substr(0, kLeftOutBytes)));
    }
    writer_->finish(std::move(info), labels_, groups_);
  }

  ImportReport report;

 private:
  struct NeedsColour {};

  void add(const PhotoFile& file, Decoded& decoded) {
    if (!decoded.image) {
      if (decoded.failure == DecodeFailure::not_an_image && !set_.listed) {
        ++not_images_;
        const bool known = report.not_images.size() < kNotImageKinds || report.not_images.contains(decoded.reason);
        ++report.not_images[known ? decoded.reason : "other files"];
      } else {
        report.bad.push_back({file.shown, printable_line(decoded.reason)});
      }
      return;
    }
    Image& image = *decoded.image;
    if (!writer_) start(file, image);
    if (image.height != height_ || image.width != width_) {
      fail("{}: {}x{} pixels, expected {}x{} as in {}; --height and --width resize all images", file.shown,
           image.height, image.width, height_, width_, first_);
    }
    if (options_.channels == 0 && image.channels > channels_) throw NeedsColour{};
    labels_.push_back(file.label);
    parts_.push_back(file.part);
    if (set_.groups > 0) groups_.push_back(file.group);
    if (report.bad.empty() || options_.skip_bad) writer_->add(to_channels(image, channels_).pixels);
  }

  void start(const PhotoFile& file, const Image& image) {
    height_ = image.height;
    width_ = image.width;
    first_ = file.shown;
    DatasetInfo expected = info();
    expected.train_count = static_cast<std::uint32_t>(count_part(set_, Part::train));
    expected.validation_count = static_cast<std::uint32_t>(count_part(set_, Part::validation));
    expected.test_count = static_cast<std::uint32_t>(count_part(set_, Part::test));
    writer_.emplace(out_, expected);
  }

  DatasetInfo info() const {
    DatasetInfo info;
    info.name = set_.name;
    info.source = set_.source;
    info.options = printable_line(options_.text);
    info.channels = channels_;
    info.fit = options_.fit;
    info.height = height_;
    info.width = width_;
    info.classes = set_.classes;
    info.groups = set_.groups;
    return info;
  }

  // Every class can be learned; where one has no image elsewhere, a person should know.
  void check_classes(const DatasetInfo& info) {
    for (const Part part : {Part::train, Part::validation, Part::test}) {
      std::vector<std::size_t> counts(info.classes.size());
      for (std::size_t i = 0; i < labels_.size(); ++i) counts[labels_[i]] += parts_[i] == part;
      const auto missing = std::ranges::find(counts, 0u);
      if (missing == counts.end()) continue;
      const std::string& name = info.classes[static_cast<std::size_t>(missing - counts.begin())];
      if (part == Part::train) fail("{}: class {} has no training image, expected at least one", info.name, name);
      if (options_.split || std::ranges::count(parts_, part) == 0) continue;  // the draw has said it; no such split
      report.notes.push_back(std::format("no {} image of {} class{}, such as {}",
                                         part == Part::test ? "test" : "validation", std::ranges::count(counts, 0u),
                                         std::ranges::count(counts, 0u) == 1 ? "" : "es", name));
    }
  }

  const PhotoSet& set_;
  const PhotoOptions& options_;
  int channels_;
  const fs::path& out_;
  int height_ = 0, width_ = 0;
  std::size_t not_images_ = 0;
  std::string first_;  // the file whose size all have
  std::optional<DatasetWriter> writer_;
  std::vector<Label> labels_;
  std::vector<Part> parts_;
  std::vector<std::uint32_t> groups_;
};

// Groups that are in more than one part of a set with splits of its own.
void note_shared_groups(const PhotoSet& set, ImportReport& report) {
  if (set.groups == 0) return;
  std::vector<std::uint8_t> seen(set.groups);
  for (const PhotoFile& file : set.files)
    seen[file.group] |= static_cast<std::uint8_t>(1 << static_cast<int>(file.part));
  const auto shared = std::ranges::count_if(seen, [](std::uint8_t parts) { return (parts & (parts - 1)) != 0; });
  if (shared > 0) {
    report.notes.push_back(
        std::format("{} of {} groups have images in more than one of the set's own splits", shared, set.groups));
  }
}

}  // namespace

std::array<double, 3> parse_split_shares(const std::string& text) {
  std::vector<double> shares;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    double value = -1;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, value);
    if (error != std::errc() || stop != text.data() + end || !(value >= 0)) shares.clear();
    if (error != std::errc() || stop != text.data() + end || !(value >= 0)) break;
    shares.push_back(value);
    at = end + 1;
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const bool whole = std::abs(sum - 1) < 1e-6 || std::abs(sum - 100) < 1e-4;
  if ((shares.size() != 2 && shares.size() != 3) || !whole || shares.front() <= 0 || shares.back() <= 0) {
    throw UsageError("--split: expected train/validation/test or train/test in percent, such as 80/10/10, found '" +
                     printable_line(text) + "'");
  }
  if (shares.size() == 2) shares.insert(shares.begin() + 1, 0.0);
  return {shares[0] / sum, shares[1] / sum, shares[2] / sum};
}

void import_photos(PhotoSet set, const PhotoOptions& options, const fs::path& out, ImportReport& report) {
  check_options(options);
  split(set, options, report);
  std::ranges::stable_sort(set.files, {}, &PhotoFile::part);
  note_shared_groups(set, report);
  const auto written = [&](int channels) {
    Pass pass(set, options, channels, out);
    if (!pass.run()) return false;
    const auto tell = [&] {
      report.bad = pass.report.bad;
      for (const auto& [what, count] : pass.report.not_images) report.not_images[what] += count;
      report.notes.insert(report.notes.end(), pass.report.notes.begin(), pass.report.notes.end());
    };
    try {
      pass.finish();
    } catch (const Error&) {
      tell();
      throw;
    }
    tell();
    return true;
  };
  if (!written(options.channels == 0 ? 1 : options.channels)) written(3);
}

}  // namespace triage::data
