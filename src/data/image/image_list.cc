#include "data/image/image_list.h"

#include <algorithm>
#include <climits>
#include <cstdio>

#include "core/error.h"

namespace triage::data {
namespace {

constexpr std::size_t kMaxPathBytes = std::size_t{256} << 20;

void add_directory(const fs::path& directory, ImageList& list) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) fail("{}: cannot list: {}", directory.string(), error.message());
  std::ranges::sort(entries);
  for (const fs::path& entry : entries) {
    std::error_code ignored;
    if (entry.filename().native().starts_with('.')) {
      ++list.skipped["hidden"];
    } else if (fs::is_directory(entry, ignored)) {
      if (!fs::is_symlink(entry, ignored)) add_directory(entry, list);  // a link could lead back here
    } else if (fs::is_other(entry, ignored)) {
      ++list.skipped["no regular file"];
    } else {
      list.files.push_back({entry, true});
    }
  }
}

// Refuses what can be no list at once: an endless device gives empty names or one without an end.
std::vector<std::string> read_list(std::FILE* input) {
  std::string text;
  char piece[65536];
  for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, input)) > 0;) {
    text.append(piece, got);
    const std::string_view tail =
        std::string_view(text).substr(text.size() - std::min<std::size_t>(text.size(), PATH_MAX));
    if (text.find(std::string_view("\0\0", 2)) != std::string::npos) {
      fail("standard input: an empty name, expected a path per line");
    }
    if (tail.size() == PATH_MAX && tail.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos) {
      fail("standard input: a name of {} bytes or more, expected a path per line", PATH_MAX);
    }
    if (text.size() > kMaxPathBytes) {
      fail("standard input: more than {} MB of paths, expected fewer at once", kMaxPathBytes >> 20);
    }
  }
  if (std::ferror(input) != 0) fail("standard input: cannot read");
  const char separator = text.find('\0') == std::string::npos ? '\n' : '\0';
  std::vector<std::string> paths;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) paths.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return paths;
}

void add(const std::string& name, ImageList& list) {
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) {
    add_directory(name, list);
  } else {
    list.files.push_back({name, false});
  }
}

}  // namespace

ImageList list_images(const std::vector<std::string>& arguments, std::FILE* input) {
  ImageList list;
  for (const std::string& argument : arguments) {
    if (argument != "-") {
      add(argument, list);
      continue;
    }
    for (const std::string& path : read_list(input)) add(path, list);
  }
  return list;
}

}  // namespace triage::data
