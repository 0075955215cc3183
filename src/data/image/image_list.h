// The image files that arguments name: files, directories, and a list on standard input.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::data {

struct ImageFile {
  fs::path path;
  bool found = false;  // in a directory, not named: where it is no image it is a stray file, no failure
};

struct ImageList {
  std::vector<ImageFile> files;                // as named; those of a directory by name, with its subdirectories
  std::map<std::string, std::size_t> skipped;  // what -> how many: hidden files, sockets and the like
};

// "-" stands for standard input: a path per line, or, where the list has zero bytes, ended by them (find -print0).
// A directory that cannot be listed is an Error. A name that does not exist stays in the list.
ImageList list_images(const std::vector<std::string>& arguments, std::FILE* input);

}  // namespace triage::data
