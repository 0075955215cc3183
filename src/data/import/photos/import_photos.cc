// Map: shares and their draw; which import a journal is of; the passes that decode and write. The number of channels of
// a raw set is found by trying: a pass for grey images that meets a coloured one begins again with three.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "data/import/photos/photo_pass.h"
#include "data/splits.h"

namespace triage::data {
namespace {

void check_options(const PhotoOptions& options) {
  if ((options.height == 0) != (options.width == 0) || options.height < 0 || options.width < 0) {
    fail("height {} and width {}: expected both, or neither to keep the size", options.height, options.width);
  }
  if (options.channels != 0 && options.channels != 1 && options.channels != 3) {
    fail("channels {}: expected 1, 3, or 0 to decide by the images", options.channels);
  }
  if (options.keep_encoded && options.height != 0) {
    fail("height {} and width {}: expected neither for images that are kept encoded", options.height, options.width);
  }
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

// Of everything that decides what is written, for a run that goes on: options, names, and the files with their sizes
// and times.
std::string identity_of(const PhotoSet& set, const PhotoOptions& options) {
  const Json all = {{"name", valid_utf8(set.name)},
                    {"source", valid_utf8(set.source)},
                    {"options", valid_utf8(options.text)},
                    {"height", options.height},
                    {"width", options.width},
                    {"channels", options.channels},
                    {"keep_encoded", options.keep_encoded},
                    {"fit", fit_name(options.fit)},
                    {"exif_orientation", options.decode.exif_orientation},
                    {"max_megapixels", options.decode.max_megapixels},
                    {"skip_bad", options.skip_bad}};
  Sha256 sha;
  const auto add = [&](const std::string& text) { sha.update(text.c_str(), text.size() + 1); };
  add(all.dump());
  for (const std::string& name : set.classes) add(name);
  for (const PhotoFile& file : set.files) {
    std::error_code unreadable;  // is told by the import itself
    const auto bytes = fs::file_size(file.path, unreadable);
    const auto time = fs::last_write_time(file.path, unreadable).time_since_epoch().count();
    add(std::format("{} {} {} {} {} {}", file.path, bytes, time, file.label, static_cast<int>(file.part), file.group));
  }
  return sha.hex();
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
  ImportJournal journal(out, identity_of(set, options));
  const auto written = [&](int channels) {
    PhotoPass pass(set, options, channels, out, journal);
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
  if (!journal.resumed()) journal.begin(options.channels == 0 ? 1 : options.channels);
  if (written(journal.channels())) return;
  journal.begin(3);
  written(3);
}

}  // namespace triage::data
