// tar.gz archives, read front to back: enough for the data sets we download (ustar and GNU headers of plain files).
#pragma once

#include "core/files/file.h"

namespace triage::data {

// Unpacks regular files and directories below `directory`, which must exist. Names that lead out of it, links and
// damaged or truncated archives are errors that name the archive and the offset in the unpacked stream. Pax and
// comment headers are skipped.
void unpack_tar_gz(const fs::path& archive, const fs::path& directory);

}  // namespace triage::data
