// Writes the numbers of rows as pictures, for the end-to-end tests: to_pictures IN.csv FOLDER png|jpeg HEIGHT WIDTH CHANNELS > OUT.csv
// The first cell of a line is its label, the others are the numbers of its picture; the CSV on standard output has `label` and `picture`, the path.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/unit/pictures/files.h"

int main(int count, char** arguments) {
  if (count != 7) return 2;
  const std::filesystem::path folder = arguments[2];
  const std::string format = arguments[3];
  std::filesystem::create_directories(folder);
  std::ifstream in(arguments[1]);
  std::string line, cell;
  std::getline(in, line);
  std::cout << "label,picture\n";
  for (int row = 0; std::getline(in, line); ++row) {
    mlp::pictures::Samples s{std::atoi(arguments[4]), std::atoi(arguments[5]), std::atoi(arguments[6]), {}};
    std::istringstream cells(line);
    std::getline(cells, cell, ',');
    const std::string label = cell;
    while (std::getline(cells, cell, ',')) s.bytes.push_back(static_cast<std::uint8_t>(std::atoi(cell.c_str())));
    if (static_cast<std::int64_t>(s.bytes.size()) != s.height * s.width * s.channels) return 1;
    const std::filesystem::path path = folder / (std::to_string(row) + "." + format);
    std::ofstream(path, std::ios::binary) << (format == "png" ? mlp::pictures::png_of(s) : mlp::pictures::jpeg_of(s, {.quality = 95}));
    std::cout << label << ',' << path.string() << '\n';
  }
}
