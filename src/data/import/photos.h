// Photographs -> a data set file: which files there are (folders, lists), how they are split, then their pixels or the
// files as they are, decoded on all cores and written as they come, so that memory does not grow with the set.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/error.h"
#include "data/dataset.h"
#include "data/image/resize.h"

namespace triage::data {

enum class Part : std::uint8_t { train, validation, test };
std::optional<Part> part_from_name(std::string_view name);  // "train", "Training", "val", "valid", "test", ...

struct PhotoOptions {
  int height = 0, width = 0;  // 0: all images have one size, keep it
  int channels = 0;           // 0: 1 when every image is grey, else 3
  bool keep_encoded = false;  // an encoded set: the files as they are, decoded here to see that they can be
  Fit fit = Fit::squash;
  DecodeOptions decode;
  // Shares of a set without splits of its own, drawn by class: train, validation, test; they sum to 1.
  std::optional<std::array<double, 3>> split;
  // A regular expression (ECMAScript) searched in "CLASS/FILE", for lists in the file's name as it stands there: what
  // its captures hold names the group of images that are never parted. Every file must match.
  std::string group_by;
  std::uint64_t seed = 1;
  bool skip_bad = false;  // leave damaged files out instead of failing
  int threads = 0;        // 0: all cores
  // Files between two points from which an import that was killed goes on, when the same is asked for again.
  std::size_t checkpoint_files = 512;
  std::string text;  // the options as they were given, kept in the data set
  Context context;
};
// "80/10/10" (train/validation/test) or "80/20" (train/test), in percent or as shares; throws UsageError.
std::array<double, 3> parse_split_shares(const std::string& text);

// What became of the files, for people; also filled in when an import fails.
struct ImportReport {
  struct BadFile {
    std::string file, reason;
  };
  std::vector<std::string> notes;  // how the layout was understood, classes that are missing somewhere
  std::vector<BadFile> bad;
  std::map<std::string, std::size_t> not_images;  // files that are no images: what they are, how many
};

// Some images could not be read; ImportReport::bad says which.
struct BadImages : Error {
  using Error::Error;
};

struct PhotoFile {
  std::string path;   // no fs::path, which takes several times its text: there may be millions
  std::string shown;  // for people, without control characters: relative to the set
  Label label = 0;
  Part part = Part::train;
  std::uint32_t group = 0;
};
struct PhotoSet {
  std::string name, source;
  std::vector<std::string> classes;
  std::vector<PhotoFile> files;
  std::uint32_t groups = 0;  // 0: none
  bool listed = false;       // each file was named by somebody, so none is stray
};

// PATH/SPLIT/CLASS/... with splits train, test, val (valid, validation) in any case, or PATH/CLASS/... with
// options.split. Classes are named by their folders; folders in them are looked through; hidden files are stray.
PhotoSet scan_folder(const fs::path& directory, const std::string& name, const PhotoOptions& options,
                     ImportReport& report);

// A table of file, label and, optionally, split and group (data/csv.h), with or without a header. Columns are given by
// name or number from 1; by default by usual names in the header, else the first two or three.
struct ListOptions {
  std::string file_column, label_column, split_column, group_column;
  fs::path images;  // where the files are; default: where the list is
  fs::path test;    // a second list, of the test images
};
PhotoSet read_photo_list(const fs::path& list, const std::string& name, const ListOptions& columns,
                         const PhotoOptions& options, ImportReport& report);

// Splits the set where options say so, and writes it. Throws BadImages where images cannot be read (unless they are to
// be skipped), Error where a class has no training image, sizes differ without a wanted size, or nothing is left.
void import_photos(PhotoSet set, const PhotoOptions& options, const fs::path& out, ImportReport& report);

}  // namespace triage::data
