// The fuzz targets on their corpus, in the unit tests: what the fuzzer has found once stays found.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "../catch.hpp"
#include "targets.hpp"

namespace {

// Each file, and each shorter file that it begins with; of a long file only those that end with a line.
void replay(const std::string& name, void (*target)(std::string_view)) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DCP_FUZZ_CORPUS "/" + name)) {
    INFO(entry.path());
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    constexpr std::size_t is_long = 512;
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      if (bytes.size() > is_long && size != bytes.size() && (size == 0 || bytes[size - 1] != '\n')) continue;
      INFO("the first " << size << " bytes");
      CHECK_NOTHROW(target(std::string_view(bytes).substr(0, size)));
    }
    ++files;
  }
  REQUIRE(files > 0);
}

}  // namespace

TEST_CASE("the fuzz corpus of plan lists is deduplicated as the models do it") { replay("dedup", fuzz::dedup); }

TEST_CASE("the fuzz corpus of dumps is read, or refused with an error") { replay("dump", fuzz::dump); }
