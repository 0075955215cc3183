// One pass over the files of a set of photographs: what is an image is written, the rest goes into the report. It takes
// up what a pass of before had done that was killed or stopped, and ends with the same file.
#pragma once

#include <optional>
#include <vector>

#include "core/progress.h"
#include "data/import/photos.h"
#include "data/import/photos/import_journal.h"
#include "data/store/dataset_writer.h"

namespace triage::data {

class PhotoPass {
 public:
  // channels: of a raw set; of an encoded one as far as the options say, else those of its images. All outlive it.
  PhotoPass(const PhotoSet& set, const PhotoOptions& options, int channels, const fs::path& out,
            ImportJournal& journal);

  // false: a coloured image was met in a pass for grey ones.
  bool run();
  void finish();

  ImportReport report;

 private:
  struct NeedsColour {};
  struct LoadedPhoto {
    ImportedPhoto told;
    std::vector<std::uint8_t> pixels;  // of a raw set
    std::string file;                  // of an encoded one
  };
  LoadedPhoto load(const fs::path& path) const;
  void go_on(Progress& progress);
  void add(const PhotoFile& file, const LoadedPhoto& photo, bool stored);
  void add_bad(const PhotoFile& file, const ImportedPhoto& told);
  void start(const PhotoFile& file, const ImportedPhoto& first, bool stored);
  void checkpoint();
  DatasetInfo info() const;
  void check_classes(const DatasetInfo& info);

  const PhotoSet& set_;
  const PhotoOptions& options_;
  int channels_;
  const fs::path& out_;
  ImportJournal& journal_;
  int height_ = 0, width_ = 0;
  std::size_t next_ = 0, not_images_ = 0;
  std::size_t since_files_ = 0, since_bytes_ = 0;  // the last checkpoint
  std::string first_;                              // the file whose size all have
  std::optional<DatasetWriter> writer_;
  std::vector<Label> labels_;
  std::vector<Part> parts_;
  std::vector<std::uint32_t> groups_;
};

}  // namespace triage::data
