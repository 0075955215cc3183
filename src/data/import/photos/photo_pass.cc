#include "data/import/photos/photo_pass.h"

#include <algorithm>
#include <new>

#include "core/error.h"
#include "core/text.h"
#include "data/image/in_order.h"

namespace triage::data {
namespace {

constexpr std::size_t kNotImageKinds = 20;
constexpr std::size_t kLeftOutNames = 20, kLeftOutBytes = 200;   // kept in the data set
constexpr std::size_t kCheckpointBytes = std::size_t{16} << 20;  // of images, at most, that a kill loses

std::size_t count_part(const PhotoSet& set, Part part) {
  return static_cast<std::size_t>(std::ranges::count(set.files, part, &PhotoFile::part));
}

}  // namespace

PhotoPass::PhotoPass(const PhotoSet& set, const PhotoOptions& options, int channels, const fs::path& out,
                     ImportJournal& journal)
    : set_(set), options_(options), channels_(channels), out_(out), journal_(journal) {}

bool PhotoPass::run() {
  const std::vector<ImportedPhoto> done = journal_.take_done();
  Progress progress(options_.context, "import", set_.files.size(), "images", done.size());
  if (!done.empty()) {
    options_.context.message(std::format("{}: going on behind {} of {} files, which were imported before",
                                         out_.string(), done.size(), set_.files.size()));
  }
  try {
    for (const ImportedPhoto& told : done) add(set_.files.at(next_++), {told, {}, {}}, /*stored=*/true);
    go_on(progress);
  } catch (const std::bad_alloc&) {
    fail("{}: not enough memory for its pixels or those of the next images; --max-megapixels refuses large ones",
         set_.files[std::min(next_, set_.files.size() - 1)].shown);
  } catch (const NeedsColour&) {
    return false;
  }
  progress.finish();
  return true;
}

void PhotoPass::go_on(Progress& progress) {
  const auto load = [&](std::size_t i) { return this->load(set_.files[i].path); };
  for_each_in_order<LoadedPhoto>(
      next_, set_.files.size(), options_.threads, load, [&](std::size_t i, const LoadedPhoto& photo) {
        if (options_.context.stop.requested()) {
          checkpoint();
          if (writer_) writer_->keep();
          journal_.keep();
          throw Interrupted(
              std::format("import stopped; the same command goes on behind {} of {} files", next_, set_.files.size()));
        }
        add(set_.files[i], photo, /*stored=*/false);
        next_ = i + 1;
        journal_.add(photo.told);
        since_bytes_ += photo.pixels.size() + photo.file.size();
        if (++since_files_ >= options_.checkpoint_files || since_bytes_ >= kCheckpointBytes) checkpoint();
        progress.update(next_, report.bad.empty() ? "" : std::format("{} bad", report.bad.size()));
      });
}

void PhotoPass::checkpoint() {
  if (writer_) writer_->sync();
  journal_.checkpoint();
  since_files_ = since_bytes_ = 0;
}

void PhotoPass::finish() {
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

PhotoPass::LoadedPhoto PhotoPass::load(const fs::path& path) const {
  LoadedPhoto photo;
  Decoded decoded = options_.keep_encoded ? try_load(path, options_.decode, photo.file)
                    : options_.height > 0
                        ? try_load_resized(path, {options_.height, options_.width, options_.fit, options_.decode})
                        : try_load(path, options_.decode);
  if (!decoded.image) {
    photo.file.clear();
    photo.told.failure = decoded.failure;
    photo.told.reason = printable_line(decoded.reason);
    return photo;
  }
  const Image& image = *decoded.image;
  photo.told = {true, image.height, image.width, image.channels, photo.file.size(), {}, {}};
  if (options_.keep_encoded) return photo;
  const bool grey_pass_is_over = options_.channels == 0 && image.channels > channels_;  // add() says so
  if (!grey_pass_is_over) photo.pixels = to_channels(image, channels_).pixels;
  return photo;
}

void PhotoPass::add_bad(const PhotoFile& file, const ImportedPhoto& told) {
  if (told.failure != DecodeFailure::not_an_image || set_.listed) {
    report.bad.push_back({file.shown, told.reason});
    return;
  }
  ++not_images_;
  const bool known = report.not_images.size() < kNotImageKinds || report.not_images.contains(told.reason);
  ++report.not_images[known ? told.reason : "other files"];
}

// stored: its bytes were written by a pass of before.
void PhotoPass::add(const PhotoFile& file, const LoadedPhoto& photo, bool stored) {
  const ImportedPhoto& told = photo.told;
  if (!told.image) return add_bad(file, told);
  if (!writer_) start(file, told, stored);
  if (options_.keep_encoded) {
    if (options_.channels == 0) channels_ = std::max(channels_, told.channels);
  } else {
    if (told.height != height_ || told.width != width_) {
      fail(
          "{}: {}x{} pixels, expected {}x{} as in {}; --height and --width resize all images, --keep-encoded keeps "
          "them as they are",
          file.shown, told.height, told.width, height_, width_, first_);
    }
    if (options_.channels == 0 && told.channels > channels_) throw NeedsColour{};
  }
  labels_.push_back(file.label);
  parts_.push_back(file.part);
  if (set_.groups > 0) groups_.push_back(file.group);
  if (!report.bad.empty() && !options_.skip_bad) return;
  const std::size_t raw = static_cast<std::size_t>(told.height) * told.width * channels_;
  if (stored) {
    writer_->take_up(options_.keep_encoded ? told.bytes : raw);
  } else if (options_.keep_encoded) {
    writer_->add({reinterpret_cast<const std::uint8_t*>(photo.file.data()), photo.file.size()});
  } else {
    writer_->add(photo.pixels);
  }
}

void PhotoPass::start(const PhotoFile& file, const ImportedPhoto& first, bool stored) {
  height_ = options_.keep_encoded ? 0 : first.height;
  width_ = options_.keep_encoded ? 0 : first.width;
  first_ = file.shown;
  DatasetInfo expected = info();
  expected.train_count = static_cast<std::uint32_t>(count_part(set_, Part::train));
  expected.validation_count = static_cast<std::uint32_t>(count_part(set_, Part::validation));
  expected.test_count = static_cast<std::uint32_t>(count_part(set_, Part::test));
  writer_.emplace(out_, expected, stored ? DatasetWriter::Begin::go_on : DatasetWriter::Begin::anew);
}

DatasetInfo PhotoPass::info() const {
  DatasetInfo info;
  info.name = set_.name;
  info.source = set_.source;
  info.options = printable_line(options_.text);
  info.channels = channels_;
  info.encoded = options_.keep_encoded;
  if (info.encoded) info.decode = options_.decode;
  if (!info.encoded) info.fit = options_.fit;
  info.height = height_;
  info.width = width_;
  info.classes = set_.classes;
  info.groups = set_.groups;
  return info;
}

// Every class can be learned; where one has no image elsewhere, a person should know.
void PhotoPass::check_classes(const DatasetInfo& info) {
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

}  // namespace triage::data
