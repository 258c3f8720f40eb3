#pragma once

#include <string>
#include <string_view>

namespace lodestone {

/// Reads a whole file ("-": standard input). Throws FileError when it cannot.
std::string read_file(const std::string& path);

/// Replaces a file's content in one step: writes a temporary neighbour, flushes it to disk,
/// renames. A reader sees the old content or the new, never a part; on failure (disk full, folder
/// not writable) the old file is untouched, the temporary one removed, and FileError thrown. A
/// symbolic link stays one: the file it names is replaced. "-" (standard output), devices and pipes
/// cannot be replaced and are written to directly.
void write_file_atomically(const std::string& path, std::string_view content);

/// CRC-32 (the polynomial of zip and PNG) of a block of bytes, to recognize damaged files.
unsigned crc32(std::string_view bytes);

}  // namespace lodestone
