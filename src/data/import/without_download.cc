// In place of download.cc in a program that was built without libcurl.
#include "core/error.h"
#include "data/import/download.h"

namespace triage::data {

void download_file(const DownloadSource& source, const fs::path&, const DownloadOptions&) {
  fail("{}: this program was built without downloads, with the preset cuda: import files, or bring a data set file",
       source.url);
}

}  // namespace triage::data
