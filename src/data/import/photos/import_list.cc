// Map: which columns there are; the rows of a list; both lists become one set, classes by name (numbers as numbers).
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "data/import/csv.h"
#include "data/import/photos.h"
#include "data/import/photos/photo_groups.h"
#include "data/store/dataset_format.h"

namespace triage::data {
namespace {

constexpr std::uint64_t kMaxListBytes = std::uint64_t{1} << 30;

// Without case and what stands between words: "Class-ID" is "classid".
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return plain;
}

struct Role {
  const char* option;
  std::vector<std::string> usual;  // plain names of headers
};
const std::array<Role, 4>& roles() {
  static const std::array<Role, 4> all = {{
      {"--file-column",
       {"file", "filename", "filepath", "path", "image", "imagepath", "imagefile", "imagename", "img"}},
      {"--label-column", {"label", "class", "classid", "classname", "category", "target", "labelname"}},
      {"--split-column", {"split", "set", "subset", "partition", "dataset"}},
      {"--group-column", {"group", "groupid", "track", "trackid"}},
  }};
  return all;
}
enum RoleIndex : std::size_t { kFile, kLabel, kSplit, kGroup };

struct Columns {
  std::array<std::optional<std::size_t>, 4> at;
  bool header = false;
};

std::optional<std::size_t> find_usual(const std::vector<std::string>& header, const std::vector<std::string>& usual) {
  for (const std::string& name : usual) {  // the more usual name first
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (plain_name(header[i]) == name) return i;
    }
  }
  return std::nullopt;
}

// A column by its name in the header, else by its number from 1.
std::size_t find_named(const std::vector<std::string>& first, const std::string& wanted, const char* option,
                       const std::string& origin, bool& by_name) {
  const auto exact = std::ranges::find(first, wanted);
  by_name = exact != first.end();
  if (by_name) return static_cast<std::size_t>(exact - first.begin());
  std::size_t number = 0;
  const auto [stop, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc() && stop == wanted.data() + wanted.size() && number >= 1 && number <= first.size()) {
    return number - 1;
  }
  fail("{}: {}: expected one of the columns {}, or a number from 1 to {}, found '{}'", origin, option,
       joined(first, printable_line), first.size(), printable_line(wanted));
}

Columns find_columns(const std::vector<std::string>& first, const ListOptions& options, const std::string& origin) {
  const std::array<const std::string*, 4> wanted = {&options.file_column, &options.label_column, &options.split_column,
                                                    &options.group_column};
  Columns columns;
  // Groups are never guessed: a column "track" may be one of an album.
  for (std::size_t r = 0; r < wanted.size(); ++r) {
    if (!wanted[r]->empty()) {
      bool by_name = false;
      columns.at[r] = find_named(first, *wanted[r], roles()[r].option, origin, by_name);
      columns.header = columns.header || by_name;
    }
  }
  const auto file = find_usual(first, roles()[kFile].usual), label = find_usual(first, roles()[kLabel].usual);
  columns.header = columns.header || (file && label);
  if (columns.header) {
    if (!columns.at[kFile]) columns.at[kFile] = file;
    if (!columns.at[kLabel]) columns.at[kLabel] = label;
    if (!columns.at[kSplit]) columns.at[kSplit] = find_usual(first, roles()[kSplit].usual);
  } else {
    if (!columns.at[kFile]) columns.at[kFile] = 0;
    if (!columns.at[kLabel] && first.size() > 1) columns.at[kLabel] = 1;
    if (!columns.at[kSplit] && first.size() == 3 && part_from_name(first[2])) columns.at[kSplit] = 2;
  }
  for (const std::size_t r : {kFile, kLabel}) {
    if (!columns.at[r]) {
      fail("{}: {}: expected a column for it, found {}", origin, roles()[r].option, joined(first, printable_line));
    }
  }
  return columns;
}

struct ListedPhoto {
  PhotoFile file;
  std::string label;
};

class ListReader {
 public:
  ListReader(const ListOptions& options, const PhotoOptions& photos) : options_(options), groups_(photos.group_by) {
    grouped_ = !photos.group_by.empty() || !options.group_column.empty();
    if (!photos.group_by.empty() && !options.group_column.empty()) {
      throw UsageError("--group-by and --group-column: expected one of them");
    }
  }

  // part: of all images of the list; none: by its column, else training. Returns whether it has that column.
  bool read(const fs::path& list, std::optional<Part> part) {
    const std::string origin = printable_line(list.string());
    const std::string text = read_file(list);
    if (text.size() > kMaxListBytes) fail("{}: {} bytes, expected at most {}", origin, text.size(), kMaxListBytes);
    const std::vector<CsvRow> rows = parse_csv(text, origin);
    const Columns columns = find_columns(rows[0].fields, options_, origin);
    const fs::path root = options_.images.empty() ? list.parent_path() : options_.images;
    if (rows.size() == (columns.header ? 1u : 0u)) fail("{}: expected rows behind the header, found none", origin);
    check_first_row(rows, columns, root, origin);
    for (std::size_t r = columns.header ? 1 : 0; r < rows.size(); ++r) add(rows[r], columns, part, root, origin);
    return columns.at[kSplit].has_value();
  }

  PhotoSet finish(const fs::path& list, const std::string& name) {
    PhotoSet set;
    set.name = printable_line(name);
    set.source = "list " + printable_line(list.filename().string());
    set.listed = true;
    set.groups = grouped_ ? groups_.count() : 0;
    set.classes = class_names();
    std::map<std::string, Label> labels;
    for (std::size_t c = 0; c < set.classes.size(); ++c) labels[set.classes[c]] = static_cast<Label>(c);
    for (ListedPhoto& photo : photos_) {
      photo.file.label = labels.at(photo.label);
      set.files.push_back(std::move(photo.file));
    }
    return set;
  }

 private:
  // A header that was not recognised as one.
  static void check_first_row(const std::vector<CsvRow>& rows, const Columns& columns, const fs::path& root,
                              const std::string& origin) {
    if (columns.header || rows.size() < 2) return;
    const auto is_there = [&](const CsvRow& row) {
      return *columns.at[kFile] < row.fields.size() && fs::exists(root / row.fields[*columns.at[kFile]]);
    };
    if (is_there(rows[0]) || !is_there(rows[1])) return;
    fail(
        "{}:{}: {}: no such file, but that of the next row: for a header, name the columns with --file-column and "
        "--label-column",
        origin, rows[0].line, printable_line(rows[0].fields[*columns.at[kFile]]));
  }

  void add(const CsvRow& row, const Columns& columns, std::optional<Part> part, const fs::path& root,
           const std::string& origin) {
    const auto field = [&](std::size_t role) -> const std::string& {
      const std::size_t at = *columns.at[role];
      if (at >= row.fields.size()) {
        fail("{}:{}: {} fields, expected at least {}", origin, row.line, row.fields.size(), at + 1);
      }
      return row.fields[at];
    };
    ListedPhoto photo;
    const std::string& file = field(kFile);
    if (file.empty()) fail("{}:{}: expected the name of a file, found an empty field", origin, row.line);
    const fs::path path = root / file;
    photo.file.path = path.string();
    photo.file.shown = printable_line(file);
    photo.label = printable_line(field(kLabel));
    if (photo.label.empty()) fail("{}:{}: expected a label, found an empty field", origin, row.line);
    if (!seen_.insert(path.lexically_normal().string()).second) {
      fail("{}:{}: {}: the file is listed a second time", origin, row.line, photo.file.shown);
    }
    if (part) {
      photo.file.part = *part;
    } else if (columns.at[kSplit]) {
      const auto named = part_from_name(field(kSplit));
      if (!named) {
        fail("{}:{}: split '{}', expected train, test or val", origin, row.line, printable_line(field(kSplit)));
      }
      photo.file.part = *named;
    }
    if (columns.at[kGroup]) {
      photo.file.group = groups_.named(field(kGroup));
    } else {
      photo.file.group = groups_.of(file);
    }
    photos_.push_back(std::move(photo));
  }

  // By their bytes; numbers by their value.
  std::vector<std::string> class_names() const {
    std::set<std::string> names;
    for (const ListedPhoto& photo : photos_) names.insert(photo.label);
    std::vector<std::string> classes(names.begin(), names.end());
    const auto is_number = [](const std::string& name) {
      return name.size() < 10 && std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); });
    };
    if (std::ranges::all_of(classes, is_number)) {
      std::ranges::stable_sort(classes, {}, [](const std::string& name) { return std::stol(name); });
    }
    return classes;
  }

  const ListOptions& options_;
  GroupNames groups_;
  bool grouped_ = false;
  std::vector<ListedPhoto> photos_;
  std::set<std::string> seen_;
};

}  // namespace

PhotoSet read_photo_list(const fs::path& list, const std::string& name, const ListOptions& columns,
                         const PhotoOptions& options, ImportReport& report) {
  ListReader reader(columns, options);
  const bool has_splits = reader.read(list, std::nullopt);
  if (!columns.test.empty()) reader.read(columns.test, Part::test);
  PhotoSet set = reader.finish(list, name);
  const std::string origin = printable_line(list.string());
  if (set.classes.size() > kMaxDatasetClasses) {
    fail("{}: {} classes, expected at most {}", origin, set.classes.size(), kMaxDatasetClasses);
  }
  const auto has = [&](Part part) {
    return std::ranges::any_of(set.files, [part](const PhotoFile& file) { return file.part == part; });
  };
  if (options.split && (has_splits || !columns.test.empty())) {
    fail("{}: --split: expected a list without splits of its own", origin);
  }
  if (!options.split && !has_splits && columns.test.empty()) {
    fail(
        "{}: no test images: expected a column that says train or test, a second list with --test-list, or --split "
        "80/10/10",
        origin);
  }
  if (!has(Part::train)) fail("{}: no training images", origin);
  if (!options.split && has(Part::validation) && !has(Part::test)) {
    for (PhotoFile& file : set.files) file.part = file.part == Part::validation ? Part::test : file.part;
    report.notes.push_back("validation images: taken as the test images, since there are no others");
  } else if (has(Part::validation)) {
    report.notes.push_back("validation images: the validation split of runs");
  } else if (!options.split && !has(Part::test)) {
    report.notes.push_back("no test images: plans cannot be evaluated on them");
  }
  return set;
}

}  // namespace triage::data
