// Map: the sets of IDX files in a directory by their names; a set's files read and checked; labels, names, pixels.
#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

#include "core/error.h"
#include "core/text.h"
#include "data/import/idx.h"
#include "data/import/import.h"

namespace triage::data {
namespace {

const std::vector<std::string>& fashion_names() {
  static const std::vector<std::string> names = {"T-shirt/top", "trouser", "pullover", "dress", "coat",
                                                 "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
  return names;
}

// The four files of a set: images and labels of training and test.
struct Files {
  fs::path train_images, train_labels, test_images, test_labels;

  fs::path& at(bool test, bool labels) {
    return test ? (labels ? test_labels : test_images) : (labels ? train_labels : train_images);
  }
};

// All sets by the prefix of their names: "" (train-images-idx3-ubyte), "emnist-letters"
// (emnist-letters-train-images-idx3-ubyte.gz); a dot may stand before idx. Unpacked files come before packed ones.
std::map<std::string, Files> find_sets(const fs::path& directory) {
  static const std::regex pattern(R"((?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx([13])[-.]ubyte(\.gz)?)",
                                  std::regex::icase);
  std::map<std::string, Files> sets;
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file()) files.push_back(it->path());
  }
  if (error) fail("{}: cannot list: {}", printable_line(directory.string()), error.message());
  std::ranges::sort(files);  // FILE before FILE.gz
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) continue;
    const bool labels = std::tolower(static_cast<unsigned char>(match[3].str()[0])) == 'l';
    if (match[4].str() != (labels ? "1" : "3")) continue;
    fs::path& place = sets[match[1].str()].at(match[2].str().size() == 4, labels);
    if (place.empty()) place = file;
  }
  return sets;
}

// The set that is asked for by its prefix or the end of it ("letters"); without a wish the only one.
Files choose_set(const fs::path& directory, const std::string& wanted) {
  std::map<std::string, Files> sets = find_sets(directory);
  std::string names;
  std::vector<Files> found;
  for (const auto& [name, files] : sets) {
    names += (names.empty() ? "" : ", ") + (name.empty() ? "one without a prefix" : printable_line(name));
    if (wanted.empty() || name == wanted || name.ends_with("-" + wanted)) found.push_back(files);
  }
  const std::string where = printable_line(directory.string());
  if (sets.empty()) {
    fail(
        "{}: expected train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k, raw or with .gz; found "
        "no such file",
        where);
  }
  if (found.empty()) fail("{}: expected a set '{}' of IDX files, found {}", where, printable_line(wanted), names);
  if (found.size() > 1) fail("{}: {} sets of IDX files ({}); --set chooses one", where, found.size(), names);
  Files& files = found[0];
  for (const bool test : {false, true}) {
    for (const bool labels : {false, true}) {
      if (!files.at(test, labels).empty()) continue;
      const std::string beside =
          printable_line(files.at(test, !labels).empty() ? files.at(!test, labels).filename().string()
                                                         : files.at(test, !labels).filename().string());
      fail("{}: no file of the {} {}, raw or with .gz, beside {}", where, test ? "test" : "training",
           labels ? "labels (idx1)" : "images (idx3)", beside);
    }
  }
  return files;
}

struct IdxPart {
  Idx images, labels;
  fs::path images_path, labels_path;
};

IdxPart load_part(const fs::path& images, const fs::path& labels) {
  const auto load = [](const fs::path& path, int dimensions) {
    return parse_idx(MappedFile(path).bytes(), dimensions, path.string());
  };
  IdxPart part{load(images, 3), load(labels, 1), images, labels};
  if (part.images.sizes[0] != part.labels.sizes[0]) {
    fail("{}: {} labels, expected {} as there are images in {}", labels.string(), part.labels.sizes[0],
         part.images.sizes[0], images.string());
  }
  return part;
}

void check_labels(const IdxPart& part, int base, std::size_t classes) {
  for (std::size_t i = 0; i < part.labels.values.size(); ++i) {
    const int label = part.labels.values[i];
    if (label < base || label - base >= static_cast<int>(classes)) {
      fail("{}: label {} in record {} at unpacked offset {}, expected {} to {}", part.labels_path.string(), label, i,
           8 + i, base, base + static_cast<int>(classes) - 1);
    }
  }
}

// EMNIST's PREFIX-mapping.txt beside the files: "LABEL CODE [CODE]" a line, codes of characters. Empty: there is none.
std::vector<std::string> mapped_names(const fs::path& train_images, int base, std::size_t classes) {
  const std::string name = train_images.filename().string();
  const std::size_t end = name.find("-train-");
  if (end == std::string::npos) return {};
  const fs::path file = train_images.parent_path() / (name.substr(0, end) + "-mapping.txt");
  if (!fs::exists(file)) return {};
  std::vector<std::string> names(classes);
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) {
    std::istringstream fields(line);
    int label = 0;
    if (!(fields >> label)) continue;
    std::string& out = label < base || label - base >= static_cast<int>(classes)
                           ? names.emplace_back()
                           : names[static_cast<std::size_t>(label - base)];
    for (int code = 0; fields >> code;) {
      if (code <= ' ' || code > '~') fail("{}: code {}, expected one of a printable character", file.string(), code);
      out += static_cast<char>(code);
    }
  }
  if (names.size() != classes || std::ranges::any_of(names, &std::string::empty)) {
    fail("{}: expected names of the labels {} to {}", file.string(), base, base + static_cast<int>(classes) - 1);
  }
  return names;
}

// Rows become columns.
void transpose(Idx& images) {
  const std::size_t rows = images.sizes[1], columns = images.sizes[2];
  std::vector<std::uint8_t> turned(rows * columns);
  for (std::size_t i = 0; i < images.sizes[0]; ++i) {
    std::uint8_t* image = images.values.data() + i * turned.size();
    for (std::size_t y = 0; y < rows; ++y) {
      for (std::size_t x = 0; x < columns; ++x) turned[x * rows + y] = image[y * columns + x];
    }
    std::ranges::copy(turned, image);
  }
  std::swap(images.sizes[1], images.sizes[2]);
}

}  // namespace

RawDataset import_idx(const fs::path& directory, const std::string& name, const IdxOptions& options,
                      std::vector<std::string>* notes) {
  const Files files = choose_set(directory, options.set);
  IdxPart train = load_part(files.train_images, files.train_labels),
          test = load_part(files.test_images, files.test_labels);
  for (const int d : {1, 2}) {
    if (test.images.sizes[d] != train.images.sizes[d]) {
      fail("{}: images of {}x{}, expected {}x{} as in {}", test.images_path.string(), test.images.sizes[1],
           test.images.sizes[2], train.images.sizes[1], train.images.sizes[2], train.images_path.string());
    }
  }
  const auto [least, most] = std::ranges::minmax_element(train.labels.values);
  const int base = options.label_base.value_or(*least == 1 && std::ranges::count(test.labels.values, 0) == 0 ? 1 : 0);
  if (base != 0 && !options.label_base && notes)
    notes->push_back("labels begin at 1: taken as 0 (--label-base 0 keeps them)");
  const auto classes = static_cast<std::size_t>(std::max(1, *most - base + 1));
  check_labels(train, base, name == "fashion-mnist" ? fashion_names().size() : classes);
  check_labels(test, base, name == "fashion-mnist" ? fashion_names().size() : classes);
  RawDataset raw;
  raw.info.name = printable_line(name);
  raw.info.source = "IDX files";
  raw.info.options = options.transpose ? "--transpose" : "";
  raw.info.classes = name == "fashion-mnist" ? fashion_names() : mapped_names(files.train_images, base, classes);
  if (raw.info.classes.empty()) {
    for (std::size_t c = 0; c < classes; ++c)
      raw.info.classes.push_back(std::to_string(c + static_cast<std::size_t>(base)));
  }
  std::vector<std::uint32_t> counts(raw.info.classes.size());
  for (const std::uint8_t label : train.labels.values) ++counts[static_cast<std::size_t>(label - base)];
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0)
      fail("{}: no image has label {} ({})", train.labels_path.string(), c + base, raw.info.classes[c]);
  }
  for (IdxPart* part : {&train, &test}) {
    if (options.transpose) transpose(part->images);
  }
  raw.info.channels = 1;
  raw.info.height = static_cast<int>(train.images.sizes[1]);
  raw.info.width = static_cast<int>(train.images.sizes[2]);
  raw.info.train_count = train.images.sizes[0];
  raw.info.test_count = test.images.sizes[0];
  raw.pixels = std::move(train.images.values);
  raw.pixels.insert(raw.pixels.end(), test.images.values.begin(), test.images.values.end());
  for (const IdxPart* part : {&train, &test}) {
    for (const std::uint8_t label : part->labels.values) raw.labels.push_back(static_cast<Label>(label - base));
  }
  return raw;
}

}  // namespace triage::data
