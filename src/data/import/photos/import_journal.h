// What an import has done so far, beside the part of the data set that it has written: OUT.journal.part, for the run
// that goes on after a kill. Whole lines up to the last checkpoint are believed, what follows is forgotten.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/files/part_file.h"
#include "data/image/image.h"

namespace triage::data {

// What became of a file.
struct ImportedPhoto {
  bool image = false;
  int height = 0, width = 0, channels = 0;  // of an image, as it was decoded
  std::uint64_t bytes = 0;                  // of an image whose file is kept: its file's
  DecodeFailure failure = DecodeFailure::damaged;
  std::string reason;  // why it is no image, without control characters
};

class ImportJournal {
 public:
  // identity: of options and files; the journal of another import is forgotten.
  ImportJournal(const fs::path& out, std::string identity);

  bool resumed() const { return channels_ > 0; }
  int channels() const { return channels_; }  // as it was begun with; 0: not begun
  std::vector<ImportedPhoto> take_done();     // in the order of the files; empties it
  void begin(int channels);                   // anew
  void add(const ImportedPhoto& photo);
  void checkpoint();  // what was added so far stays; the images of it were synced before
  void keep() { file_.keep(); }

 private:
  void read();
  bool read_block(const std::string& content);  // false: of another import, or not written by this program

  std::string identity_;
  PartFile file_;
  int channels_ = 0;
  std::vector<ImportedPhoto> done_;
  std::string block_;  // lines since the last checkpoint
};

}  // namespace triage::data
