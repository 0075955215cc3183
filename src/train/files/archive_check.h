// The zip archive that a pickled network is: LibTorch reads its records without looking at their checksums.
#pragma once

#include <string>
#include <string_view>

namespace triage::train {

// Holds every record against the CRC-32 of the archive's directory, and the directory against the archive. Throws Error
// that names `origin` and the record. Records must be stored as they are (LibTorch compresses none), below 4 GiB.
void check_archive(std::string_view bytes, const std::string& origin);

}  // namespace triage::train
