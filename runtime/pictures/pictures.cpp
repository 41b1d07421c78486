#include "runtime/pictures/pictures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "runtime/pictures/decoders.h"

namespace mlp::pictures {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648, also with - and _ for + and /, with or without padding; line ends are passed over, as MIME breaks lines.
std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int count = 0, padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::size_t digit = c == '-' ? 62 : c == '_' ? 63 : c >= 'A' && c <= 'Z' ? static_cast<std::size_t>(c - 'A') : c >= 'a' && c <= 'z' ? static_cast<std::size_t>(c - 'a' + 26)
                              : c >= '0' && c <= '9' ? static_cast<std::size_t>(c - '0' + 52) : c == '+' ? 62 : c == '/' ? 63 : 64;
    if (digit == 64 || padding > 0) return {};
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if (++count % 4 == 0) (out += static_cast<char>(bits >> 16)) += static_cast<char>(bits >> 8), out += static_cast<char>(bits);
  }
  const int rest = count % 4;
  if (rest == 1 || (padding > 0 && (rest == 0 || rest + padding != 4))) return {};
  if (rest == 2) out += static_cast<char>(bits >> 4);
  if (rest == 3) (out += static_cast<char>(bits >> 10)) += static_cast<char>(bits >> 2);
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : alphabet[bits >> (18 - 6 * k) & 63];
  }
  return out;
}

// The bytes of a file, or why they cannot be had.
std::string read_bytes(const std::string& path, std::string& fault) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would be waited for
  if (fd < 0) {
    fault = errno == ENOENT || errno == ENOTDIR ? "there is no such file" : errno == EACCES ? "it may not be read: permission is missing" : std::string("it cannot be read: ") + std::strerror(errno);
    return {};
  }
  struct stat status {};
  std::string out;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) fault = S_ISDIR(status.st_mode) ? "it is a folder" : "it is no file";
  else if (status.st_size > most_bytes) fault = "the file has more than " + std::to_string(most_bytes >> 20) + " MiB";
  else out.resize(static_cast<std::size_t>(status.st_size));
  for (std::size_t done = 0; done < out.size();) {
    const ssize_t n = ::read(fd, out.data() + done, out.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fault = std::string("it cannot be read: ") + std::strerror(errno);
    if (n <= 0) out.resize(done);
    else done += static_cast<std::size_t>(n);
  }
  ::close(fd);
  return out;
}

constexpr std::string_view data_text = "data:";

std::string path_of(std::string_view cell, const std::string& folder) { return (folder.empty() || cell.starts_with('/') ? "" : folder + "/") + std::string(cell); }

}  // namespace

std::string too_large(std::int64_t height, std::int64_t width) {
  if (height <= most_pixels / std::max<std::int64_t>(width, 1)) return {};
  return "it has " + std::to_string(width) + " x " + std::to_string(height) + " pixels, and " + std::to_string(most_pixels) + " are the most that are decoded";
}

values::Picture decode(std::string_view file, const ImageShape& shape) {
  using namespace std::string_view_literals;
  if (file.starts_with("\x89PNG\r\n\x1a\n"sv)) return decode_png(file, shape);
  if (file.starts_with("\xff\xd8\xff"sv)) return decode_jpeg(file, shape);
  const char* const known = file.empty() ? "it is empty" : file.starts_with("GIF8") ? "it is a GIF file, not a PNG or JPEG" : file.starts_with("BM") ? "it is a BMP file, not a PNG or JPEG"
                            : file.starts_with("RIFF") && file.substr(8).starts_with("WEBP") ? "it is a WebP file, not a PNG or JPEG" : file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv) ? "it is a TIFF file, not a PNG or JPEG"
                            : "it is neither a PNG nor a JPEG file";
  return {.pixels = {}, .fault = known};
}

values::Picture read(std::string_view cell, const ImageShape& shape, const std::string* folder, std::string* file) {
  if (file) file->clear();
  std::string bytes;
  values::Picture out;
  if (cell.starts_with(data_text)) {
    const std::size_t comma = cell.find(',');
    const bool base64 = comma != std::string_view::npos && cell.substr(0, comma).ends_with(";base64");
    std::optional<std::string> made = base64 ? from_base64(cell.substr(comma + 1)) : std::nullopt;
    if (!made) out.fault = base64 ? "what follows `;base64,` is no base64" : "a `data:` text says `data:image/png;base64,` or `data:image/jpeg;base64,` and goes on with the file in base64";
    else bytes = std::move(*made);
  } else if (folder) {
    bytes = read_bytes(path_of(cell, *folder), out.fault);
    if (file && out.fault.empty()) *file = bytes;
  } else {
    std::optional<std::string> made = from_base64(cell);
    if (!made) out.fault = "it is no base64: a request holds the bytes of the file itself, since no file is opened for it";
    else bytes = std::move(*made);
  }
  return out.fault.empty() ? decode(bytes, shape) : out;
}

std::string file_of(std::string_view cell, const std::string& folder) {
  std::string fault;
  return cell.starts_with(data_text) ? "" : read_bytes(path_of(cell, folder), fault);
}

std::string write(std::string_view pixels, const ImageShape& shape) { return "data:image/png;base64," + to_base64(encode_png(pixels, shape)); }

}  // namespace mlp::pictures

// The libraries would print what is wrong here, if it were not for handlers of our own (see cmake/Dependencies.cmake).
extern "C" __attribute__((visibility("hidden"))) std::FILE* mlp_picture_stderr;
std::FILE* mlp_picture_stderr = nullptr;

void mlp_read_picture(std::string_view cell, const mlp::ImageShape& shape, const std::string* folder, mlp::values::Picture& out) { out = mlp::pictures::read(cell, shape, folder); }
void mlp_write_picture(std::string_view pixels, const mlp::ImageShape& shape, std::string& out) { out = mlp::pictures::write(pixels, shape); }
